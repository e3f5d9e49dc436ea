//! one_hot: classes as rows of zeros and a one.

use crate::core::{DType, Meta, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Op, Tensor, apply, data};
use crate::{bail, cpu, gpu};

ops! {
    /// int64 ones at the classes `input` of a new last dim of `num_classes` (one more than the largest class if -1),
    /// zeros elsewhere.
    ///
    ///     >>> torch.nn.functional.one_hot(torch.tensor([0, 2]))
    ///     tensor([[1, 0, 0],
    ///             [0, 0, 1]])
    one_hot as ["nn.one_hot(Tensor input, int num_classes=-1) -> Tensor"] {
        call(x = input: &Tensor, n = num_classes: i64) {
            if x.dtype() != DType::I64 {
                bail!(Runtime, "one_hot is only applicable to index tensor of type LongTensor.");
            }
            if x.numel() == 0 && n <= 0 {
                bail!(Runtime, "Can not infer total number of classes from empty tensor.");
            }
            let classes = if x.numel() == 0 { n as usize } else { classes(x, n)? };
            apply(OneHot { classes }, &[x])
        },
        samples: [
            "ix(3, n=4)",
            "ix(2, 3, n=4), 6",
            "ix(n=4), 4",
            "ix(0, n=4), 3",
            "ix(3, n=4).t(), -1",
            "ix(0, n=4)",
            "ix(3, n=4) - 4",
            "ix(3, n=4), 0",
            "u(3)",
        ],
    }
}

fn classes(x: &Tensor, n: i64) -> Result<usize> {
    if x.device().is_meta() {
        return if n == -1 { Err(data::no_item()) } else { Ok(n as usize) };
    }
    // They decide on the shape, so a GPU is waited for.
    let values = x.on_cpu()?;
    let mut bounds = [0i64; 2];
    for (to, run) in bounds.iter_mut().zip([cpu::reduce::amin as fn(&Array, &[usize], &Array), cpu::reduce::amax]) {
        let out = Array::from_slice(&[], &[0i64])?;
        let dims: Shape = (0..x.ndim()).collect();
        run(&values, &dims, &out);
        *to = out.to_vec::<i64>()[0];
    }
    if bounds[0] < 0 {
        bail!(Runtime, "Class values must be non-negative.");
    }
    if n == -1 {
        return Ok(bounds[1] as usize + 1);
    }
    if bounds[1] >= n {
        bail!(Runtime, "Class values must be smaller than num_classes.");
    }
    Ok(n as usize)
}

struct OneHot {
    classes: usize,
}

impl Op for OneHot {
    fn name(&self) -> &'static str {
        "one_hot"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let mut shape: Shape = x[0].shape().into();
        shape.push(self.classes);
        Ok(x[0].contiguous(shape))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::copy::fill(&out[0], 0i64.into());
        cpu::gather::one_hot(x[0], self.classes, &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::gather::one_hot(x[0], self.classes, &out[0])
    }
    fn differentiable(&self) -> bool {
        false
    }
}
