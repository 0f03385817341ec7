"""Names and settings on command lines are those of the analyses."""

import dataclasses

from spectral_transcoder.signal import mel_spectrograms, names, third_octaves


def test_every_setting_of_third_octaves_is_an_option():
    fields = dataclasses.fields(third_octaves.ThirdOctaves)
    assert {field.name: field.default for field in fields} == names.THIRD_OCTAVE_DEFAULTS
    assert names.EDGES == third_octaves.EDGES


def test_every_front_end_can_be_named():
    assert tuple(mel_spectrograms.FRONT_ENDS) == names.FRONT_END_NAMES
    assert names.PUBLISHED_FRONT_ENDS == mel_spectrograms.PUBLISHED_FRONT_ENDS
