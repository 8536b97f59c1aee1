"""The TensorFlow operations that a traced generator may consist of: pure functions of numbers.

None of them reads or writes a file, calls Python, draws a random number or keeps a state. The
tables below list the arguments in which an operation is linear. In a linear argument, the
derivative is the operation itself.
"""


def _parse_names(names: str) -> frozenset[str]:
    return frozenset(names.split())


# the derivative along a tangent is f'(x) times it, which a backward pass computes
ELEMENTWISE = _parse_names(
    "Abs Acos Acosh Asin Asinh Atan Atanh Cos Cosh Elu Erf Erfc Exp Expm1 Inv LeakyRelu Log Log1p "
    "Reciprocal Relu Relu6 Rsqrt Selu Sigmoid Sin Sinh Softplus Softsign Sqrt Square Tan Tanh"
)

# linear in all of these arguments together
LINEAR: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("Add", "AddV2", "Sub"), ("x", "y")),
    "AddN": ("inputs",),
    **dict.fromkeys(("BiasAdd", "BiasAddV1"), ("value", "bias")),
    **dict.fromkeys(
        ("BatchToSpace", "BatchToSpaceND", "SpaceToBatch", "SpaceToBatchND"), ("input",)
    ),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), ("input",)),
    **{"AvgPool": ("value",), "BroadcastTo": ("input",), "Cast": ("x",), "Neg": ("x",)},
    **dict.fromkeys(("Concat", "ConcatV2", "Pack"), ("values",)),
    **{"Cumsum": ("x",), "ExpandDims": ("input",), "MatrixBandPart": ("input",)},
    **{"Fill": ("value",), "Gather": ("params",), "GatherNd": ("params",), "GatherV2": ("params",)},
    **dict.fromkeys(
        ("Mean", "Sum", "Pad", "MirrorPad", "Slice", "StridedSlice", "Tile"), ("input",)
    ),
    **{"PadV2": ("input", "constant_values"), "Squeeze": ("input",)},
    **dict.fromkeys(("ResizeArea", "ResizeBicubic", "ResizeBilinear"), ("images",)),
    **dict.fromkeys(("ResizeNearestNeighbor", "ScaleAndTranslate"), ("images",)),
    **dict.fromkeys(("Reshape", "Reverse", "ReverseV2"), ("tensor",)),
    **{"DynamicStitch": ("data",), "Roll": ("input",), "ScatterNd": ("updates",)},
    **{"Select": ("t", "e"), "SelectV2": ("t", "e"), "Transpose": ("x",)},
    **dict.fromkeys(("Split", "SplitV", "Unpack"), ("value",)),
}

# linear in each of these arguments alone
MULTILINEAR: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Mul"), ("x", "y")),
    **{"Conv2D": ("input", "filter"), "DepthwiseConv2dNative": ("input", "filter")},
    **{"Conv2DBackpropInput": ("filter", "out_backprop"), "Einsum": ("inputs",)},
    **{"DepthwiseConv2dNativeBackpropInput": ("filter", "out_backprop")},
    **{"Div": ("x",), "DivNoNan": ("x",), "RealDiv": ("x",), "MatMul": ("a", "b")},
}

# their derivative is 0 wherever they have one
CONSTANT = _parse_names(
    "All Any ArgMax ArgMin BroadcastArgs BroadcastGradientArgs Ceil ConcatOffset Const Equal Floor "
    "FloorDiv Greater GreaterEqual InvertPermutation IsFinite IsInf IsNan Less LessEqual LinSpace "
    "LogicalAnd LogicalNot LogicalOr NotEqual OneHot OnesLike Range Rank Rint Round Shape ShapeN "
    "Sign Size StopGradient PreventGradient TruncateDiv ZerosLike "
    "BitwiseAnd BitwiseOr Bincount DenseBincount"
)

# differentiated by TensorFlow
OTHERS = _parse_names(
    "Atan2 ClipByValue Cross Cumprod Diag DiagPart EuclideanNorm FloorMod FusedBatchNorm "
    "FusedBatchNormV2 FusedBatchNormV3 L2Loss LogSoftmax MatrixDiag MatrixDiagPart "
    "MatrixDiagPartV3 MatrixDiagV3 MatrixSetDiag MatrixSetDiagV3 Max MaxPool MaxPoolV2 Maximum Min "
    "Minimum MulNoNan Pow Prod Softmax SquaredDifference TensorScatterUpdate TopKV2 Xdivy Xlogy"
)

# the value is equal to the first input
IDENTITIES = _parse_names(
    "CheckNumerics EnsureShape Identity IdentityN PlaceholderWithDefault Snapshot"
)

PURE = ELEMENTWISE | LINEAR.keys() | MULTILINEAR.keys() | CONSTANT | OTHERS | IDENTITIES

# arguments that have another name in tf.raw_ops than in the operation
_REDUCTIONS = ("All", "Any", "EuclideanNorm", "Max", "Mean", "Min", "Prod", "Sum")
RENAMED: dict[str, dict[str, str]] = {
    **{name: {"reduction_indices": "axis"} for name in _REDUCTIONS},
    **{name: {"split_dim": "axis"} for name in ("Split", "SplitV")},
    "ExpandDims": {"dim": "axis"},
    "Select": {"t": "x", "e": "y"},
    "Squeeze": {"squeeze_dims": "axis"},
}
