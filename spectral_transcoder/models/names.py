"""Names of the classifiers, for command lines that are read before anything heavy is imported.

`classifiers.py` holds the records of these names; a test compares the two.
"""

EFFICIENTATS = tuple(f"EfficientAT-mn{width}" for width in ("04", "05", "10", "20", "30", "40"))
SMALL_YAMNETS = ("YamNetMobile", "MiniYamNet")
CLASSIFIER_NAMES = ("PANN", *EFFICIENTATS, "YamNet", *SMALL_YAMNETS)
ADDED_CLASSIFIERS = (*SMALL_YAMNETS, *EFFICIENTATS)  # those that the paper does not have
SMALLEST_CLASSIFIER = "YamNetMobile"  # of those that are downloaded
STUDENT = "MiniYamNet"  # the embedded one, which distill_classifier.py makes
