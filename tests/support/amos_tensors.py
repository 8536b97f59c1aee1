"""Names and shapes of the 48 tensors, all float32, in Amos' published DCGAN.model-60502."""

SHAPES: dict[str, tuple[int, ...]] = {
    "discriminator/d_h0_conv/biases": (64,),
    "discriminator/d_h0_conv/w": (5, 5, 3, 64),
    "discriminator/d_h3_lin/Matrix": (8192, 1),
    "discriminator/d_h3_lin/bias": (1,),
    "generator/g_h0_lin/Matrix": (100, 8192),
    "generator/g_h0_lin/bias": (8192,),
}
for _number, _width in enumerate((128, 256, 512), 1):
    SHAPES[f"discriminator/d_h{_number}_conv/biases"] = (_width,)
    SHAPES[f"discriminator/d_h{_number}_conv/w"] = (5, 5, _width // 2, _width)
for _number, (_inputs, _width) in enumerate(((512, 256), (256, 128), (128, 64), (64, 3)), 1):
    SHAPES[f"generator/g_h{_number}/biases"] = (_width,)
    SHAPES[f"generator/g_h{_number}/w"] = (5, 5, _width, _inputs)
for _leaf in ("beta", "gamma", "moving_mean", "moving_variance"):
    for _number, _width in enumerate((128, 256, 512), 1):
        SHAPES[f"discriminator/d_bn{_number}/{_leaf}"] = (_width,)
    for _number, _width in enumerate((512, 256, 128, 64)):
        SHAPES[f"generator/g_bn{_number}/{_leaf}"] = (_width,)
