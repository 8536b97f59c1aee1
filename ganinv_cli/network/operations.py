"""The TensorFlow operations that a traced generator may consist of: pure functions of numbers.

None of them reads or writes a file, calls Python, draws a random number or keeps a state. Each that
depends on z has a derivative, and a derivative of that along its own incoming gradient.
"""


def _parse_names(names: str) -> frozenset[str]:
    return frozenset(names.split())


# the value is equal to the first input
IDENTITIES = _parse_names(
    "CheckNumerics EnsureShape Identity IdentityN PlaceholderWithDefault Snapshot"
)

PURE = IDENTITIES | _parse_names(
    # of each number
    "Abs Acos Acosh Asin Asinh Atan Atanh Cos Cosh Elu Erf Erfc Exp Expm1 Inv LeakyRelu Log Log1p "
    "Reciprocal Relu Relu6 Rsqrt Selu Sigmoid Sin Sinh Softplus Softsign Sqrt Square Tan Tanh "
    "Cast Ceil ClipByValue Floor IsFinite IsInf IsNan LogicalNot Neg OnesLike PreventGradient Rint "
    "Round Sign StopGradient ZerosLike "
    # of two numbers or more
    "Add AddN AddV2 Atan2 BitwiseAnd BitwiseOr Div DivNoNan Equal FloorDiv FloorMod Greater "
    "GreaterEqual Less LessEqual LogicalAnd LogicalOr Maximum Minimum Mul MulNoNan NotEqual Pow "
    "RealDiv Select SelectV2 SquaredDifference Sub TruncateDiv Xdivy Xlogy "
    # sums, products and norms
    "All Any ArgMax ArgMin AvgPool BatchMatMul BatchMatMulV2 BatchMatMulV3 BiasAdd BiasAddV1 "
    "Bincount Conv2D Conv2DBackpropInput Cross Cumprod Cumsum DenseBincount DepthwiseConv2dNative "
    "DepthwiseConv2dNativeBackpropInput Einsum FusedBatchNorm FusedBatchNormV2 "
    "FusedBatchNormV3 L2Loss LogSoftmax MatMul Max MaxPool MaxPoolV2 Mean Min Prod ResizeArea "
    "ResizeBicubic ResizeBilinear ScaleAndTranslate Softmax Sum TopKV2 "
    # moves and copies of numbers
    "BatchToSpace BatchToSpaceND BroadcastTo Concat ConcatV2 DepthToSpace Diag DiagPart "
    "DynamicStitch ExpandDims Fill Gather GatherNd GatherV2 MatrixBandPart MatrixDiag "
    "MatrixDiagPart MatrixDiagPartV3 MatrixDiagV3 MatrixSetDiag MatrixSetDiagV3 MirrorPad Pack Pad "
    "PadV2 Reshape ResizeNearestNeighbor Reverse ReverseV2 Roll ScatterNd Slice SpaceToBatch "
    "SpaceToBatchND SpaceToDepth Split SplitV Squeeze StridedSlice TensorScatterUpdate Tile "
    "Transpose Unpack "
    # constants and shapes
    "BroadcastArgs BroadcastGradientArgs ConcatOffset Const InvertPermutation LinSpace OneHot "
    "Range Rank Shape ShapeN Size"
)
