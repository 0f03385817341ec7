"""Names of the classifiers, for command lines that are read before anything heavy is imported.

`classifiers.py` holds the records of these names; a test compares the two.
"""

CLASSIFIER_NAMES = ("PANN", "YamNet", "YamNetMobile", "MiniYamNet")
SMALLEST_CLASSIFIER = "YamNetMobile"  # of those that are downloaded
STUDENT = "MiniYamNet"  # the embedded one, which distill_classifier.py makes
