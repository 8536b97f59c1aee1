"""The pure operations of TensorFlow that a generator may consist of.

None of them reads or writes a file, calls Python, draws a random number or keeps a state. They are
grouped by their derivatives.
"""

MAX_OPERATIONS = 4_000  # of a graph, with those of the functions that it calls
# values that a graph may compute without z: so many, and USES for each value that it has stored
MAX_COMPUTED, USES = 1 << 24, 4


def list_names(names: str) -> frozenset[str]:
    """Return the names in a text, which has spaces between them."""
    return frozenset(names.split())


# the value is equal to the first input
IDENTITIES = list_names(
    "CheckNumerics EnsureShape Identity IdentityN PlaceholderWithDefault Snapshot"
)
# each number of the output depends on one number of each input
POINTWISE = list_names(
    "Abs Acos Acosh Asin Asinh Atan Atan2 Atanh ClipByValue Cos Cosh Div DivNoNan Elu Erf Erfc Exp "
    "Expm1 FloorMod LeakyRelu Log Log1p Maximum Minimum MulNoNan Pow RealDiv Reciprocal Relu Relu6 "
    "Rsqrt Selu Sigmoid Sin Sinh Softplus Softsign Sqrt Square SquaredDifference Tan Tanh Xdivy "
    "Xlogy"
)
# linear in all inputs together
SUMS = list_names("Add AddN AddV2 BiasAdd Sub")
JOINS = list_names("ConcatV2 DynamicStitch Pack PadV2 Select SelectV2")
# linear in the one input that depends on z
MOVES = IDENTITIES | list_names(
    "AvgPool BatchToSpaceND BroadcastTo Cast Cumsum DepthToSpace ExpandDims Fill Gather GatherNd "
    "GatherV2 Mean MirrorPad Neg Pad Reshape ResizeBicubic ResizeBilinear ResizeNearestNeighbor "
    "ReverseV2 Roll ScaleAndTranslate ScatterNd Slice SpaceToBatchND SpaceToDepth Split SplitV "
    "Squeeze StridedSlice Sum Tile Transpose Unpack"
)
# linear in each of their inputs
PRODUCTS = list_names(
    "BatchMatMul BatchMatMulV2 BatchMatMulV3 Conv2D Conv2DBackpropInput DepthwiseConv2dNative "
    "DepthwiseConv2dNativeBackpropInput Einsum MatMul Mul"
)
# their derivative is 0, or they have no numbers with one
CONSTANT = list_names(
    "All Any ArgMax ArgMin Bincount BitwiseAnd BitwiseOr BroadcastArgs BroadcastGradientArgs Ceil "
    "ConcatOffset Const DenseBincount Equal Floor FloorDiv Greater GreaterEqual InvertPermutation "
    "IsFinite IsInf IsNan Less LessEqual LinSpace LogicalAnd LogicalNot LogicalOr NotEqual OneHot "
    "OnesLike PreventGradient Range Rank Rint Round Shape ShapeN Sign Size StopGradient "
    "TruncateDiv ZerosLike"
)
_OTHERS = list_names(
    "Cumprod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 LogSoftmax Max MaxPool MaxPoolV2 Min "
    "Prod Softmax"
)

PURE = POINTWISE | SUMS | JOINS | MOVES | PRODUCTS | CONSTANT | _OTHERS
