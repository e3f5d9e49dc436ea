//! Kernels over rows of arrays: softmax, norms, losses. A row is what lies along one dim; how rows and their elements are
//! reached is data, so that any strides will do. Where rows are contiguous, their elements are taken by fours.

use super::access::{Type, Way};
use super::copy::packed;
use super::kernel::{Kernel, Operand};
use super::walk::{Walk, index};
use super::words::{rest, words};
use crate::core::{Number, Shape, Strides};
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::error::Result;

/// Dims that a kernel walks to find a row, at most: operands with more are copied first.
const DIMS: usize = 4;

words! {
    /// Of a row: its steps (elements or fours) and its elements. What [`Rows::prelude`] reads follows.
    struct Lanes { steps, length }
}

const LANES: &str = include_str!("../../shaders/lanes.wgsl");
const ENTER: &str = include_str!("../../shaders/lanes_enter.wgsl");
const TREE: &str = include_str!("../../shaders/lanes_tree.wgsl");
const ALONE: &str = include_str!("../../shaders/lanes_alone.wgsl");
const EACH: &str = include_str!("../../shaders/lanes_each.wgsl");
const FOURS: &str = include_str!("../../shaders/lanes_fours.wgsl");
const ACROSS: &str = include_str!("../../shaders/lanes_across.wgsl");

/// What a step of a row is computed as, alone or by fours.
pub const fn vector(fours: bool) -> &'static str {
    if fours { FOURS } else { EACH }
}

/// How a kernel takes an operand's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    /// Step by step: `get{k}(step)` or `put{k}(step, v)`, each of one element or of four.
    Steps,
    /// Any element: `get{k}(i)`.
    Any,
    /// The only element: `get{k}()`, `put{k}(v)`.
    One,
}

/// The rows of one operand.
#[derive(Clone)]
pub struct Row {
    array: Array,
    kind: Type,
    take: Take,
    /// From row to row, by the dims of the rows' shape.
    outer: Strides,
    /// From element to element.
    step: isize,
}

impl Row {
    /// The elements along `dim`, which is the only one that the rows' shape lacks.
    pub fn along(array: &Array, dim: usize) -> Row {
        let mut outer = array.layout.strides.clone();
        let step = if outer.is_empty() { 1 } else { outer.remove(dim) };
        Row { array: array.clone(), kind: Type::of(array.dtype), take: Take::Steps, outer, step }
    }

    /// The elements over the last `dims` dims, in order. Copies them together where one stride does not lead through.
    pub fn trailing(array: &Array, dims: usize) -> Result<Row> {
        let shape = array.shape();
        let lead = shape.len() - dims;
        let mut last: Option<(isize, usize)> = None;
        for d in (lead..shape.len()).rev().filter(|&d| shape[d] != 1) {
            let stride = array.strides()[d];
            last = match last {
                None => Some((stride, shape[d])),
                Some((step, n)) if stride == step * n as isize => Some((step, n * shape[d])),
                Some(_) => return Row::trailing(&packed(array)?, dims),
            };
        }
        let outer = array.strides()[..lead].into();
        let step = last.map_or(1, |l| l.0);
        Ok(Row { array: array.clone(), kind: Type::of(array.dtype), take: Take::Steps, outer, step })
    }

    /// One element a row; the array has the rows' shape, or is one element.
    pub fn one(array: &Array, shape: &[usize]) -> Row {
        let outer = match array.ndim() > shape.len() {
            true => Strides::zeros(shape.len()),
            false => array.layout.broadcast_to(shape).strides,
        };
        Row { array: array.clone(), kind: Type::of(array.dtype), take: Take::One, outer, step: 0 }
    }

    /// The same row for all of `ndim` dims.
    pub fn shared(mut self, ndim: usize) -> Row {
        self.outer = Strides::zeros(ndim);
        self
    }

    /// Taken in any order.
    pub fn any(mut self) -> Row {
        self.take = Take::Any;
        self
    }

    /// The same rows, contiguous, for operands whose dims do not merge.
    fn packed(&self, shape: &[usize], n: usize) -> Result<Row> {
        if self.outer.iter().all(|&s| s == 0) {
            return Ok(self.clone());
        }
        let (mut sizes, mut strides): (Shape, _) = (shape.into(), self.outer.clone());
        if self.take != Take::One {
            sizes.push(n);
            strides.push(self.step);
        }
        let mut layout = self.array.layout.clone();
        (layout.shape, layout.strides) = (sizes, strides);
        let array = packed(&self.array.with_layout(layout))?;
        let mut outer = array.layout.strides.clone();
        let step = if self.take == Take::One { 0 } else { outer.pop().unwrap_or(1) };
        Ok(Row { array, kind: self.kind, take: self.take, outer, step })
    }

    fn is_by_fours(&self, g: &crate::device::gpu::Gpu) -> bool {
        self.take != Take::Steps
            || self.step == 1
                && Operand::of(&self.array).first(g).is_multiple_of(4)
                && self.outer.iter().all(|s| s % 4 == 0)
    }
}

/// A kernel over rows of `n` elements, as many as `shape` has elements. Outputs are not packed: they are fresh.
pub struct Rows<'a> {
    pub op: &'a str,
    pub shape: Shape,
    pub n: usize,
    pub reads: Vec<Row>,
    pub writes: Vec<Row>,
}

/// What surrounds the text of a kernel over rows.
pub struct Text<'a> {
    /// Stands for the text in the key of the pipeline.
    pub id: &'static str,
    /// What else the text depends on.
    pub variant: u64,
    /// Its own constant.
    pub constant: (&'static str, u32),
    pub parts: &'a [&'a str],
    /// Whether it knows what it knows of a row as `S`, so that an invocation may work on four rows.
    pub across: bool,
}

/// What a step of a kernel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Each,
    /// Four elements of a row.
    Fours,
    /// An element of each of four rows.
    Across,
}

/// How to find a row, or four. The walk counts in what operands are taken by.
pub struct Places {
    walk: Walk,
    pub unit: Unit,
}

impl Rows<'_> {
    /// Copies operands whose rows take too many dims to find, and plans the walk from row to row. `across`: an invocation may
    /// work on four rows.
    pub fn plan(&mut self, across: bool) -> Result<Places> {
        let walk = |s: &Self| {
            let strides: Vec<&Strides> = s.writes.iter().chain(&s.reads).map(|r| &r.outer).collect();
            Walk::new(&s.shape, &strides)
        };
        let mut places = walk(self);
        if places.ndim() > DIMS {
            self.reads = self.reads.iter().map(|r| r.packed(&self.shape, self.n)).collect::<Result<_>>()?;
            places = walk(self);
        }
        let g = gpu(self.op)?;
        let rows = || self.writes.iter().chain(&self.reads);
        let steps = rows().any(|r| r.take == Take::Steps);
        if steps && self.n.is_multiple_of(4) && rows().all(|r| r.is_by_fours(g)) {
            let strides = rows().zip(&mut places.strides).filter(|(r, _)| r.take == Take::Steps);
            strides.for_each(|(_, s)| s.iter_mut().for_each(|s| *s /= 4));
            return Ok(Places { walk: places, unit: Unit::Fours });
        }
        let by_four = |s: isize| s % 4 == 0;
        let aside = |r: &Row| by_four(r.step) && Operand::of(&r.array).first(g).is_multiple_of(4);
        if across
            && places.sizes[0].is_multiple_of(4)
            && rows().all(aside)
            && places.strides.iter().all(|s| s[0] == 1 && s[1..].iter().all(|&s| by_four(s)))
        {
            places.sizes[0] /= 4;
            places.strides.iter_mut().for_each(|s| s[1..].iter_mut().for_each(|s| *s /= 4));
            return Ok(Places { walk: places, unit: Unit::Across });
        }
        Ok(Places { walk: places, unit: Unit::Each })
    }

    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// The reads as a kernel's operands.
    pub fn operands(&self, places: &Places) -> Vec<Operand<'_>> {
        Rows::seen(&self.reads, places.unit)
    }

    fn seen(rows: &[Row], unit: Unit) -> Vec<Operand<'_>> {
        rows.iter()
            .map(|r| {
                let way = if unit != Unit::Each && r.take == Take::Steps { Way::Fours } else { Way::Each };
                Operand::new(&r.array, r.kind).way(way)
            })
            .collect()
    }

    /// Runs a kernel made of lanes.wgsl and `text`, whose entry point is a group of lanes.
    pub fn run(mut self, text: &Text, numbers: &[Number]) -> Result<()> {
        if self.count() == 0 {
            return Ok(());
        }
        let places = self.plan(text.across)?;
        let rows = places.walk.sizes.iter().product();
        let steps = if places.unit == Unit::Fours { self.n / 4 } else { self.n };
        let (lanes, in_group, step) = self.lanes(&places, steps, rows);
        let consts =
            [("LANES", lanes), ("ROWS", in_group), ("STEP", step), ("DIMS", places.walk.ndim() as u32), text.constant];
        let words = Lanes { steps: steps as u32, length: self.n as u32 }.words().and(self.words(&places)?);
        let kernel = Kernel {
            op: self.op,
            id: text.id.as_ptr().addr(),
            variant: text.variant << 2 | places.unit as u64,
            consts: &consts,
            reads: &Rows::seen(&self.reads, places.unit),
            writes: &Rows::seen(&self.writes, places.unit),
            body: &|| {
                let sums = if lanes > 1 { TREE } else { ALONE };
                Ok(format!("{}{LANES}{ENTER}{sums}{}", self.prelude(&places), text.parts.concat()))
            },
        };
        kernel.run_groups(rows, rows.div_ceil(in_group as usize), &words, numbers)
    }

    /// Invocations of a row, rows of a workgroup, and from one invocation of a row to the next: by sizes and strides alone.
    fn lanes(&self, places: &Places, steps: usize, rows: usize) -> (u32, u32, u32) {
        // Whether neighbouring rows lie closer than neighbouring elements.
        let first = self.reads.iter().find(|r| r.take == Take::Steps).or(self.writes.first());
        let across = places.unit != Unit::Fours && first.is_some_and(|r| r.step != 1);
        match (across, steps) {
            (_, 0..=16) => (1, 64, 1),
            (true, _) if rows >= 1 << 14 => (1, 64, 1),
            (true, _) if rows >= 16 => (16, 16, 16),
            (_, ..=1024) => (16, 4, 1),
            (_, ..=8192) => (64, 1, 1),
            _ => (256, 1, 1),
        }
    }

    /// The lists that [`Rows::prelude`] reads: of each operand the first element and the step, then the walk.
    pub fn words(&self, places: &Places) -> Result<Vec<u32>> {
        let g = gpu(self.op)?;
        let by = |r: &Row| if places.unit != Unit::Each && r.take == Take::Steps { 4 } else { 1 };
        let mut out = vec![];
        for r in self.writes.iter().chain(&self.reads) {
            out.extend([Operand::new(&r.array, r.kind).first(g) / by(r) as u32, (r.step / by(r)) as u32]);
        }
        for (d, &size) in places.walk.sizes.iter().enumerate() {
            out.push(size as u32);
            out.extend(places.walk.strides.iter().map(|s| s[d] as u32));
        }
        Ok(out)
    }

    /// `find(row)`, and `get{k}` and `put{k}` at the row found.
    pub fn prelude(&self, places: &Places) -> String {
        let names: Vec<String> = (0..self.writes.len())
            .map(|k| format!("q{k}"))
            .chain((0..self.reads.len()).map(|k| format!("p{k}")))
            .collect();
        let mut out = if places.unit == Unit::Across { ACROSS } else { vector(places.unit == Unit::Fours) }.to_string();
        for name in &names {
            out += &format!("var<private> {name}: u32;\n");
        }
        out += "fn find(row: u32) {\n    var r = row;\n";
        for (k, name) in names.iter().enumerate() {
            out += &format!("    {name} = {};\n", rest(2 * k));
        }
        let dims = places.walk.ndim();
        for d in 0..dims {
            let word = 2 * names.len() + d * (names.len() + 1);
            let (text, index) = index(d, dims, word);
            out += &text;
            for (k, name) in names.iter().enumerate() {
                out += &format!("    {name} += {index} * {};\n", rest(word + 1 + k));
            }
        }
        out += "}\n";
        let place = |r: &Row, name: &str, at: usize| match r.take {
            Take::Steps if places.unit == Unit::Fours => format!("{name} + k"),
            Take::One => name.to_string(),
            _ => format!("{name} + k * {}", rest(2 * at + 1)),
        };
        for (k, r) in self.writes.iter().enumerate() {
            let at = place(r, &names[k], k);
            let v = if r.take == Take::Steps { "V" } else { r.kind.name() };
            let arguments = if r.take == Take::One { format!("v: {v}") } else { format!("k: u32, v: {v}") };
            out += &format!("fn put{k}({arguments}) {{ store{k}({at}, v); }}\n");
        }
        for (k, r) in self.reads.iter().enumerate() {
            let at = place(r, &names[self.writes.len() + k], self.writes.len() + k);
            let v = if r.take == Take::Steps { "V" } else { r.kind.name() };
            let arguments = if r.take == Take::One { "" } else { "k: u32" };
            out += &format!("fn get{k}({arguments}) -> {v} {{ return load{k}({at}); }}\n");
        }
        out
    }
}

impl Places {
    pub fn ndim(&self) -> usize {
        self.walk.ndim()
    }
}

/// The lanes of a workgroup that is one row of 256.
pub const WHOLE: [(&str, u32); 3] = [("LANES", 256), ("ROWS", 1), ("STEP", 1)];

/// What [`WHOLE`] calls for: sums over the lanes, for kernels that find their operands themselves.
pub fn sums(finds: &str) -> String {
    format!("{finds}{LANES}{TREE}")
}
