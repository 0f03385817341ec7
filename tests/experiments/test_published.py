from spectral_transcoder.experiments.classification.experiment import classif_plans
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.experiments.published import classification_figures


def test_every_published_figure_is_that_of_the_paper():
    plans = classif_plans()
    found = {
        (
            setting.dataset,
            setting.classifier,
            setting.transcoder,
            setting.deep,
        ): classification_figures(setting)
        for setting in select(plans)
    }
    assert len(found) == 16
    assert found["URBAN-SOUND-8K", "PANN", "self", 1] == {"acc_classif": 81.0}
    assert found["URBAN-SOUND-8K", "YamNet", "cnn", 0] == {"acc_classif": 7.9}
    assert found["SONYC-UST", "YamNet", "self", 1] == {"macro_auprc": 0.49}
    assert found["SONYC-UST", "PANN", "cnn", 0] == {"macro_auprc": 0.39}
    (corrected,) = select(
        plans, "deep/dataset=SONYC-UST+classifier=PANN+transcoder=cnn+head=corrected+step=metric"
    )
    assert classification_figures(corrected) == {}
