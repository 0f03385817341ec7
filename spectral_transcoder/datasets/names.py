"""Names of the corpora, for command lines that are read before anything heavy is imported.

The modules of the corpora hold what these names mean; a test compares the two.
"""

LABELLED_CORPUS_NAMES = ("URBAN-SOUND-8K", "SONYC-UST")
N_FOLDS = 10  # of UrbanSound8K
TAU_DATASET_TYPES = {"full": "full", "urban": "urban", "test": "TEST"}  # option -> modality of `dataset`
SPLITS = ("train", "valid", "eval")
SPLIT_SEED = 71  # scikit-learn's random_state of the published split
TABLE_OF_PRESENCE = "time_of_presence.csv"  # of recordings that people annotated
MIXTURE_DB = (-10.0, 6.0)  # gain of the second sound of a mixture
