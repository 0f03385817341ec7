"""Classifiers with random weights whose scores depend on what they hear."""

import torch
from torch import nn
from torchvision.models import efficientnet_b0

from spectral_transcoder.models.classifiers import CLASSIFIERS, Classifier
from spectral_transcoder.models.end_to_end import EFFICIENTNETS
from spectral_transcoder.models.yamnet import YAMNet
from spectral_transcoder.synthetic_city.demo_street import street_scene


def random_classifier(name, seed):
    """Return a classifier as its network begins."""
    torch.manual_seed(seed)
    return Classifier(CLASSIFIERS[name], CLASSIFIERS[name].build())


def write_random_classifier(folder, name, seed=0):
    """Write weights of a classifier into a folder; return the folder.

    Random layers one after the other answer nearly the same to anything. Batch norms that know the statistics
    of a street, and a last layer of large weights, make the answers differ.
    """
    record = CLASSIFIERS[name]
    torch.manual_seed(seed)
    network = record.build()
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.0
    mels = torch.tensor(record.front_end.chunks(street_scene(4.0, record.front_end.sr)), dtype=torch.float32)
    last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        network.train()(mels + torch.randn_like(mels))
        last.weight *= 5
    torch.save(network.state_dict(), folder / record.weights)
    return folder


def write_training_weights(folder):
    """Write random weights of the mobile YAMNet and of EfficientNet-B0 into a folder, none of B7; return the folder."""
    torch.manual_seed(0)
    torch.save(YAMNet(nn.ReLU6()).state_dict(), folder / CLASSIFIERS["YamNetMobile"].weights)
    torch.save(efficientnet_b0(weights=None).state_dict(), folder / EFFICIENTNETS["effnet_b0"][1])
    return folder
