"""Draws everything random about a picture and its people, once; pure kernels apply it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from affekt.data.augment.config import AugmentConfig
from affekt.data.augment.drawn import Augmentation, Backdrop, Damage, Occlusion, Rgb, Variation

BACKGROUND_GRIDS = (1, 2, 4, 12)


def draw(config: AugmentConfig, rng: np.random.Generator, people: int) -> Augmentation:
    """Draws everything random about one picture and the people in it."""
    hit, around = _dice(rng)

    def place(degrees: float, scale: float, shift: float, flip: bool = False) -> Variation:
        occlusion = _draw_occlusion(config.occlude_max, rng) if hit(config.occlude) else None
        offset = (around(shift), around(shift))
        return Variation(around(degrees), 1 + around(scale), offset, flip, occlusion)

    light = 1 + around(config.brightness)
    red, green, blue = (light * (1 + around(config.colour)) for _ in range(3))
    contrast, grey, fill = 1 + around(config.contrast), hit(config.grey), _draw_fill(rng)
    picture = place(config.degrees, config.scale, config.shift, hit(config.flip))
    persons = [
        place(config.person_degrees, config.person_scale, config.person_shift)
        for _ in range(people)
    ]
    return Augmentation(
        picture=replace(picture, damage=_draw_damage(config, rng)),
        people=tuple(
            replace(person, damage=_draw_damage(config, rng), backdrop=_draw_backdrop(config, rng))
            for person in persons
        ),
        gain=(red, green, blue),
        contrast=contrast,
        grey=grey,
        fill=fill,
    )


def _dice(rng: np.random.Generator) -> tuple[Callable[[float], bool], Callable[[float], float]]:
    """Whether something of this share happens, and a number from minus to plus a spread."""

    def hit(share: float) -> bool:
        return bool(rng.random() < share)

    def around(spread: float) -> float:
        return float(rng.uniform(-spread, spread))

    return hit, around


def _draw_occlusion(longest: float, rng: np.random.Generator) -> Occlusion:
    """A rectangle whose sides are 0.1 to ``longest`` of the crop's, and a level."""
    width, height = rng.uniform(0.1, longest, 2)
    x, y = rng.uniform(-0.05, 1.05 - width), rng.uniform(-0.05, 1.05 - height)
    x1, y1, x2, y2 = (float(v) for v in np.clip([x, y, x + width, y + height], 0, 1))
    return x1, y1, x2, y2, int(rng.integers(0, 256))


def _draw_fill(rng: np.random.Generator) -> tuple[int, int, int]:
    """The RGB of what lies outside the picture: black half of the time, else any colour."""
    if rng.random() < 0.5:
        return (0, 0, 0)
    red, green, blue = (int(v) for v in rng.integers(0, 256, 3))
    return red, green, blue


def _draw_damage(config: AugmentConfig, rng: np.random.Generator) -> Damage:
    hit, _ = _dice(rng)
    sigma = float(rng.uniform(0.2, 1)) * config.blur_sigma / 100
    blur = sigma if hit(config.blur) else None
    small = int(rng.integers(config.downscale_min, 57)) if hit(config.downscale) else None
    jpeg = int(rng.integers(25, 86)) if hit(config.jpeg) else None
    return Damage(small, blur, jpeg)


def _draw_backdrop(config: AugmentConfig, rng: np.random.Generator) -> Backdrop:
    hit, _ = _dice(rng)
    return Backdrop(
        grid=_draw_grid(rng) if hit(config.background) else None,
        surround=_draw_surround(rng) if hit(config.surround) else None,
        mask=_draw_mask(rng) if hit(config.mask) else None,
    )


def _draw_grid(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    side = int(rng.choice(BACKGROUND_GRIDS))
    base = rng.uniform(0, 255) + rng.normal(0, 25, 3)
    grid = rng.normal(base, rng.uniform(10, 60), (side, side, 3))
    return np.clip(grid, 0, 255).astype(np.uint8)


def _draw_surround(rng: np.random.Generator) -> tuple[float, Rgb]:
    green = rng.uniform(0.75, 1.0)
    return float(rng.random()), (1.0, float(green), float(green * rng.uniform(0.75, 1.0)))


def _draw_mask(rng: np.random.Generator) -> tuple[float, float, float, float]:
    x, y = rng.uniform(0.46, 0.54, 2)
    return float(x), float(y), float(rng.uniform(0.38, 0.46)), float(rng.uniform(0.46, 0.54))
