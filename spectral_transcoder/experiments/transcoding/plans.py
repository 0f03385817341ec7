"""The paper's five plans of experiment 1 (docs/method.md, section 5), and what this project adds to them.

Plans of its own are `adapt` and `student`, models from levels to scores, and `published`, which scores weights that
were trained elsewhere.
"""

from collections.abc import Iterable, Sequence

from spectral_transcoder.experiments.engine.plans import Factors, Modality, Plan
from spectral_transcoder.models.names import ADDED_CLASSIFIERS, PUBLISHED_CLASSIFIERS

STEPS = ("train", "evaluate", "metric")
TRAINING_DATASETS = ("TEST", "full", "urban")
MEL_DATASETS = (*TRAINING_DATASETS, "urban_mel_time", "urban_mel_freq")
CLASSIFIERS = PUBLISHED_CLASSIFIERS[::-1]  # in the order of the published plans
LEARNING_RATES = (-3, -4, -5)  # powers of ten

# The weights of reference_models/, scored without training: a plan of this project's own.
TRAINED_ELSEWHERE: Factors = {
    "step": STEPS[1:],
    "transcoder": ("cnn_mels", "cnn_logits"),
    "dataset": TRAINING_DATASETS,
    "classifier": CLASSIFIERS,
}
ADDED_EPOCHS = (2, 3, 5, 10, 15, 20, 30, 50, 100)
ADDED_CHANNELS = (16, 32)
TEXTURED_CNNS = ("cnn_texture", "cnn_grid")
ADDED_TRANSCODERS = {"reference": ("pinv_texture",), "cnn": TEXTURED_CNNS, "hybridts": TEXTURED_CNNS}
# the seed is also that of a texture's noise
SIGNAL_FACTORS: Factors = {"pinv_way": ("default", "power", "magnitude"), "seed": tuple(range(10))}
TRAINING_FACTORS: Factors = {**SIGNAL_FACTORS, "recipe": ("published", "steady")}
# the weight of the classifier's embedding in the loss, beside the cross-entropy summed over labels
ADDED_FACTORS: dict[str, Factors] = {"hybridts": {"prop_embedding": (0, 3, 10, 30, 100, 300)}}

# `dilation` 0 and 1 are the same network.
PUBLISHED: dict[str, Factors] = {
    "reference": {
        "ts": (0,),
        "step": STEPS[1:],
        "transcoder": ("oracle", "pinv"),
        "dataset": MEL_DATASETS,
        "classifier": CLASSIFIERS,
    },
    "mlp": {
        "ts": (0,),
        "step": STEPS,
        "transcoder": ("mlp", "mlp_pinv"),
        "dataset": TRAINING_DATASETS,
        "classifier": CLASSIFIERS,
        "epoch": (1, 10, 200),
        "learning_rate": LEARNING_RATES,
        "hidden1": (100, 300),
        "hidden2": (1000, 3000),
    },
    "cnn": {
        "ts": (0,),
        "step": STEPS,
        "transcoder": ("cnn_pinv",),
        "dataset": MEL_DATASETS,
        "classifier": CLASSIFIERS,
        "epoch": (1, 10, 100, 200),
        "learning_rate": LEARNING_RATES,
        "kernel_size": (3, 5),
        "nb_layers": (1, 3, 5),
        "dilation": (0, 1, 2, 3),
        "nb_channels": (16, 64),
    },
    "hybridts": {
        "ts": (1,),
        "step": STEPS,
        "transcoder": ("cnn_pinv",),
        "dataset": TRAINING_DATASETS,
        "classifier": CLASSIFIERS,
        "epoch": (1, 5, 10, 20, 50, 100, 200, 400),
        "learning_rate": LEARNING_RATES,
        "kernel_size": (5,),
        "nb_layers": (5,),
        "dilation": (0, 1),
        "nb_channels": (64,),
        "prop_logit": (100, 50),
    },
    "ts": {
        "ts": (1,),
        "step": STEPS,
        "transcoder": ("self", "effnet_b0", "effnet_b7"),
        "dataset": TRAINING_DATASETS,
        "classifier": CLASSIFIERS,
        "learning_rate": LEARNING_RATES,
        "epoch": (1, 5, 10, 20, 50, 100, 150, 200, 300, 400),
    },
}


# Heads on frozen classifiers, and students: plans of this project's own (docs/street.md).
ADAPTED, STUDENT = "adapt", "student"
LEVEL_MODELS: dict[str, Factors] = {
    ADAPTED: {
        "ts": (1,),
        "step": STEPS,
        "transcoder": ("adapted",),
        "dataset": TRAINING_DATASETS,
        "classifier": CLASSIFIERS,
        "epoch": (20,),
        "learning_rate": (-3,),
        "nb_hidden": (256,),
    },
    STUDENT: {
        "ts": (1,),
        "step": STEPS,
        "transcoder": ("student",),
        "dataset": TRAINING_DATASETS,
        "classifier": CLASSIFIERS,
        "epoch": (20,),
        "learning_rate": (-3,),
        "nb_channels": (32,),
        "nb_hidden": (512,),
    },
}
LEVEL_MODEL_SIZES: dict[str, Sequence[Modality]] = {
    "nb_hidden": (64, 128, 256, 512, 1024),
    "nb_channels": (8, 16, 64),
}
# `through`: what makes the Mels behind which a head is trained; `noises`: how many noises it is trained with;
# `teacher`: whose scores are learned, the classifier's own by default; `balance`: how much rare first labels count,
# in percent: 0 as often as they are, 100 as much as all others; `prop_first`: the weight of the first label's
# cross-entropy in the loss, beside that of the scores summed over labels; `average_steps`: steps that a moving average
# of the weights reaches back, 0 without one
OWN_TEACHER = "own"
TEACHERS = (OWN_TEACHER, *ADDED_CLASSIFIERS, *CLASSIFIERS)
TRAINED_THROUGH = TEXTURED_CNNS
BALANCES = (0, 25, 50, 75, 100)
LEVEL_MODEL_TRAINING: Factors = {
    "teacher": TEACHERS,
    "balance": BALANCES,
    "prop_first": (0, 1, 2, 3, 5, 10),
    "average_steps": (0, 100, 300, 1000),
    "seed": tuple(range(10)),
}
LEVEL_MODEL_FACTORS: dict[str, Factors] = {
    ADAPTED: {
        "through": ("pinv_texture", "pinv", *TRAINED_THROUGH),
        "noises": (2, 1, 4),
        **LEVEL_MODEL_TRAINING,
    },
    STUDENT: LEVEL_MODEL_TRAINING,
}


def train_plans(corpora: Iterable[str] = (), here: Sequence[str] = ()) -> dict[str, Plan]:
    """Return the plans of experiment 1 by name.

    Parameters
    ----------
    corpora : iterable of str
        Names of further datasets: modalities of `dataset` in every plan.
    here : sequence of str
        The datasets that a selector means which does not mention any: those of which there are data. Plans that
        have none of them, and all plans where `here` is empty, mean the published ones.
    """
    added: dict[str, Sequence[Modality]] = {
        "dataset": list(corpora),
        "classifier": ADDED_CLASSIFIERS,
        "nb_channels": ADDED_CHANNELS,
    }
    plans = []
    for name, factors in PUBLISHED.items():
        more = added | {"transcoder": ADDED_TRANSCODERS.get(name, ())}
        meant = datasets_meant(factors, corpora, here)
        if name == "reference":
            plans.append(Plan(name, factors, more, SIGNAL_FACTORS, meant))
        else:
            hidden = {**TRAINING_FACTORS, **ADDED_FACTORS.get(name, {})}
            plans.append(Plan(name, factors, more | {"epoch": ADDED_EPOCHS}, hidden, meant))
    for name, factors in LEVEL_MODELS.items():
        more, meant = (
            added | {"epoch": ADDED_EPOCHS} | LEVEL_MODEL_SIZES,
            datasets_meant(factors, corpora, here),
        )
        plans.append(Plan(name, factors, more, LEVEL_MODEL_FACTORS[name], meant))
    meant = datasets_meant(TRAINED_ELSEWHERE, corpora, here)
    plans.append(Plan("published", TRAINED_ELSEWHERE, added, meant=meant))
    return {plan.name: plan for plan in plans}


def datasets_meant(factors: Factors, corpora: Iterable[str], here: Sequence[str]) -> dict[str, list[str]]:
    """Return {"dataset": those of a plan's datasets that are here}, or nothing where none of them is."""
    known = (*factors["dataset"], *corpora)
    meant = [dataset for dataset in here if dataset in known]
    return {"dataset": meant} if meant else {}
