//! Floor 5: every op, declared once. The list below names the files of ops; names, places, stubs, docs and tests all
//! follow from the declarations in them.

use crate::tensor::OpDef;

pub mod accumulate;
pub mod apart;
pub mod attention;
pub mod autocast;
pub mod average;
pub mod batch_norm;
pub mod call;
pub mod cast;
pub mod complex;
pub mod composite;
pub mod conv;
pub mod conv_transpose;
pub mod copies;
pub mod copy;
pub mod create;
pub mod ctc;
mod draw_bounds;
pub mod dropout;
pub mod elementwise;
pub mod entries;
pub mod extremum;
pub mod fft;
pub mod incomplete;
pub mod index;
pub mod index_put;
pub mod join;
pub mod linalg;
pub mod loss;
pub mod lstm;
pub mod matmul;
pub mod nonzero;
pub mod norm;
pub mod one_hot;
pub mod options;
pub mod pad;
pub mod pool;
pub mod random;
pub mod reduce;
pub mod resize;
pub mod running;
pub mod scatter;
pub mod schema;
pub mod shared;
pub mod softmax;
pub mod sort;
pub mod spaced;
pub mod subscript;
pub mod unique;
pub mod update;
pub mod variates;
pub mod view;

pub use call::call;

/// Lists the ops of files by the last part of their path, which names their golden values too. A file of ops that is not listed
/// does not compile without a warning: nothing would use its `OPS`.
macro_rules! files {
    ($($($part:ident)::+),* $(,)?) => {
        /// The ops of each file.
        pub const FILES: &[(&str, &[&OpDef])] = &[$((files!(@last $($part)+), $($part)::+::OPS)),*];
    };
    (@last $last:ident) => { stringify!($last) };
    (@last $first:ident $($rest:ident)+) => { files!(@last $($rest)+) };
}
files![
    view::reshape,
    view::order,
    view::window,
    view::expand,
    view::diagonal,
    view::cut,
    view::sliding,
    copy,
    cast,
    complex,
    elementwise::activation,
    elementwise::bessel,
    elementwise::binary,
    elementwise::bits,
    elementwise::classify,
    elementwise::compare,
    elementwise::exponential,
    elementwise::masked,
    elementwise::power,
    elementwise::distance,
    elementwise::rectifier,
    elementwise::rounding,
    elementwise::select,
    elementwise::special,
    elementwise::trigonometric,
    elementwise::unary,
    accumulate,
    apart,
    attention,
    average,
    batch_norm,
    composite,
    composite::frames,
    composite::functional,
    composite::gamma,
    composite::grid,
    composite::histogram,
    composite::losses,
    composite::margins,
    composite::pointwise,
    composite::polynomials,
    composite::einsum,
    composite::moments,
    composite::norms,
    composite::pairs,
    composite::products,
    composite::quantile,
    composite::rearrange,
    composite::slopes,
    composite::stacks,
    composite::triangle,
    composite::windows,
    conv,
    conv_transpose,
    copies,
    create,
    ctc,
    dropout,
    entries,
    extremum,
    fft,
    incomplete,
    index,
    index_put,
    join,
    linalg::cholesky,
    linalg::det,
    linalg::eigen,
    linalg::ldl,
    linalg::lstsq,
    linalg::lu,
    linalg::matrix_exp,
    linalg::pinv,
    linalg::qr,
    linalg::solve,
    linalg::svd,
    linalg::tensors,
    loss,
    matmul,
    nonzero,
    norm,
    one_hot,
    pad,
    pool,
    random,
    variates,
    reduce,
    resize,
    running,
    scatter,
    softmax,
    sort,
    spaced,
    unique,
];

/// All ops with a name that users can call.
pub fn registry() -> impl Iterator<Item = &'static OpDef> {
    FILES.iter().flat_map(|(_, ops)| ops.iter().copied()).filter(|def| !def.schema.is_empty())
}

#[cfg(test)]
mod tests;
