"""Bilinear maps."""

from ..._rustgrad.torch import matmul

__all__ = ["bilinear"]


def bilinear(input1, input2, weight, bias=None):
    """`input1^T weight_k input2 + bias_k` for each k, over the last dims of the inputs.

    input1: (..., in1); input2: (..., in2), with the same dims in front; weight: (out, in1, in2); bias: (out,). Returns
    (..., out). Raises RuntimeError where sizes do not fit. Same as torch.nn.functional.bilinear.
    """
    if input1.ndim != input2.ndim:
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {input1.ndim} and {input2.ndim}")
    if input1.shape[:-1] != input2.shape[:-1]:
        dim = next(i for i in range(input1.ndim - 1) if input1.shape[i] != input2.shape[i])
        raise RuntimeError(
            f"bilinear(): input batch dimensions do not match at dim {dim}: got {input1.shape[dim]} and "
            f"{input2.shape[dim]}"
        )
    for number, x in ((1, input1), (2, input2)):
        if x.shape[-1] != weight.shape[number]:
            raise RuntimeError(
                f"bilinear(): input{number} size does not match weight size: got {x.shape[-1]} but expected "
                f"{weight.shape[number]}"
            )
    if bias is not None and bias.shape[0] != weight.shape[0]:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected {weight.shape[0]}"
        )
    out, in1, in2 = weight.shape
    rows = input1.reshape(-1, in1)
    # (rows, in1) @ (in1, out * in2): one product for all k; then each row's (out, in2) with its input2.
    half = matmul(rows, weight.permute(1, 0, 2).reshape(in1, out * in2)).view(-1, out, in2)
    result = matmul(half, input2.reshape(-1, in2, 1)).squeeze(-1)
    if bias is not None:
        result = result + bias
    return result.view(*input1.shape[:-1], out)
