//! What one callable name is: its overloads, ready to be called. Built at import from the registry's schema
//! lines and from the rows of [`super::native`]; never changed afterwards.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::{Mutex, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::errors::{OrForeign, P, checked, fetched};
use super::native::Native;
use crate::core::Number;
use crate::error::Result;
use crate::ops;
use crate::ops::schema::{Default, Param, Place, Returns, Schema, Type};
use crate::tensor::def::{MAX_ARGS, Variants};
use crate::tensor::{Arg, OpDef};
use crate::{bail, err};

/// What runs when an overload matches.
#[derive(Clone, Copy)]
pub enum Target {
    Op(&'static OpDef),
    Native(&'static Native),
}

impl Target {
    pub fn doc(self) -> &'static str {
        match self {
            Target::Op(def) => def.doc,
            Target::Native(n) => n.doc,
        }
    }
}

pub struct Overload {
    pub schema: Schema,
    /// Position of the schema line in its row.
    pub index: usize,
    pub target: Target,
    pub inplace: bool,
    /// Position of the `out` parameter, behind those of the schema line.
    pub out: Option<usize>,
    /// The parameters' names, interned.
    pub names: Vec<P>,
    /// What stands for parameters that are not given.
    pub template: Vec<Arg<'static>>,
    /// Parameters without a default, as bits.
    pub required: u32,
    /// 1 for methods: `self` is not among the arguments.
    pub start: usize,
    pub positional: usize,
    /// `view(8, 8)`: the only positional parameter is a list of ints.
    pub varargs: bool,
    /// The parameter that takes all further positional arguments, which are tensors: `meshgrid(x, y)`.
    pub spread: Option<usize>,
    /// Whether NumPy's spellings are accepted.
    pub numpy: bool,
    /// The class of a named result.
    pub class: P,
}

/// One callable in one place.
pub struct Entry {
    pub name: String,
    pub method: bool,
    /// The submodule, for functions.
    pub module: &'static str,
    pub overloads: Vec<Overload>,
    pub name_c: CString,
}

// SAFETY: the object pointers inside are immortal and used with the GIL held only.
unsafe impl Sync for Entry {}
// SAFETY: as above.
unsafe impl Send for Entry {}

/// Collects entries by place and name, in the order of first sight.
#[derive(Default)]
pub struct Entries {
    pub list: Vec<Entry>,
    by_name: HashMap<(&'static str, String), usize>,
}

/// The key of methods among the modules' names.
pub const METHODS: &str = "Tensor";

impl Entries {
    /// Every name of the registry and of the hand-written rows.
    pub fn build() -> Result<Entries> {
        let mut all = Entries::default();
        for def in ops::registry() {
            for (index, line) in def.schema.iter().enumerate() {
                let schema = Schema::parse(line)?;
                all.add_names(&schema, index, Target::Op(def))?;
            }
        }
        for native in super::native::rows() {
            for (index, line) in native.schema.iter().enumerate() {
                let schema = Schema::parse(line)?;
                all.add_names(&schema, index, Target::Native(native))?;
            }
        }
        Ok(all)
    }

    /// A line under its own name and the aliases of its row, with their variants.
    fn add_names(&mut self, schema: &Schema, index: usize, target: Target) -> Result<()> {
        self.add_variants(schema.place, schema.name, schema, index, target)?;
        let aliases = match target {
            Target::Op(def) => def.aliases,
            Target::Native(n) => n.aliases,
        };
        for alias in aliases {
            let (place, name) = Place::of_alias(alias, schema.place);
            self.add_variants(place, name, schema, index, target)?;
        }
        Ok(())
    }

    fn add_variants(&mut self, place: Place, name: &str, schema: &Schema, index: usize, target: Target) -> Result<()> {
        let variants = match target {
            Target::Op(def) => def.variants,
            Target::Native(_) => Variants::NONE,
        };
        let inplace = variants.has_inplace() && schema.has_self();
        // Functions of nn.functional have no `out=`, but for those that are PyTorch's own kernels.
        let out = variants.has_out() && schema.out.unwrap_or(place.module != Some("nn"));
        if place.method {
            self.add(METHODS, name, schema, index, target, false, false)?;
            if inplace {
                self.add(METHODS, &format!("{name}_"), schema, index, target, true, false)?;
            }
        }
        if let Some(module) = place.module {
            self.add(module, name, schema, index, target, false, out)?;
            if inplace && module == "torch" {
                self.add(module, &format!("{name}_"), schema, index, target, true, false)?;
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the one place that brings them together")]
    fn add(
        &mut self,
        module: &'static str,
        name: &str,
        schema: &Schema,
        index: usize,
        target: Target,
        inplace: bool,
        out: bool,
    ) -> Result<()> {
        let method = module == METHODS;
        // `torch.return_types.linalg_qr` is another class than `qr`.
        let class = if module == "linalg" { format!("linalg_{name}") } else { name.to_string() };
        let overload = Overload::new(schema, index, target, method, inplace, out, &class)?;
        let at = match self.by_name.get(&(module, name.to_string())) {
            Some(&at) => at,
            None => {
                let name_c = CString::new(name).map_err(|_| err!(Value, "a NUL in the name {name}"))?;
                self.list.push(Entry { name: name.to_string(), method, module, overloads: Vec::new(), name_c });
                self.by_name.insert((module, name.to_string()), self.list.len() - 1);
                self.list.len() - 1
            }
        };
        self.list[at].overloads.push(overload);
        Ok(())
    }
}

impl Overload {
    fn new(
        schema: &Schema,
        index: usize,
        target: Target,
        method: bool,
        inplace: bool,
        out: bool,
        name: &str,
    ) -> Result<Overload> {
        let mut schema = schema.clone();
        if schema.params.len() > MAX_ARGS {
            bail!(Value, "{name}: more than {MAX_ARGS} arguments");
        }
        if method && schema.params.is_empty() {
            bail!(Value, "{name}: a method without self");
        }
        let template = schema.params.iter().map(default_arg).collect::<Vec<_>>();
        if !method && let Some(first) = schema.params.first_mut().filter(|p| p.name == "self") {
            first.name = "input";
        }
        let positional = schema.positional();
        let start = method as usize;
        let varargs =
            positional == start + 1 && schema.params.get(start).is_some_and(|p| p.ty == Type::Ints && p.len.is_none());
        let spread = schema.params.iter().position(|p| p.spread);
        let mut template = template;
        let out_at = out.then_some(schema.params.len());
        if out {
            let many = matches!(schema.returns, Returns::Tensors | Returns::Named(_));
            schema.params.push(Param {
                name: "out",
                ty: if many { Type::Tensors } else { Type::Tensor },
                optional: true,
                len: None,
                default: Some(Default::None),
                keyword_only: true,
                spread: false,
            });
            template.push(Arg::None);
        }
        let mut required = 0u32;
        let mut names = Vec::new();
        for (i, p) in schema.params.iter().enumerate() {
            if p.default.is_none() && i >= start {
                required |= 1 << i;
            }
            let text = CString::new(p.name).map_err(|_| err!(Value, "a NUL in an argument's name"))?;
            // SAFETY: the GIL is held at import; interned names live for ever.
            names.push(checked(unsafe { ffi::PyUnicode_InternFromString(text.as_ptr()) })?);
        }
        let class = match &schema.returns {
            Returns::Named(fields) => named_class(name, fields)?,
            _ => std::ptr::null_mut(),
        };
        let numpy = schema.place.module != Some("nn") && matches!(target, Target::Op(_));
        let out = out_at;
        Ok(Overload {
            schema,
            index,
            target,
            inplace,
            out,
            names,
            template,
            required,
            start,
            positional,
            varargs,
            spread,
            numpy,
            class,
        })
    }
}

/// The value of a default; lists live for ever. `int[2] stride=1` is a list of one.
pub fn default_arg(p: &Param) -> Arg<'static> {
    match p.default.as_ref() {
        None | Some(Default::None) => Arg::None,
        Some(Default::Int(i)) if p.ty == Type::Ints => Arg::Ints(Box::leak(Box::new([*i]))),
        Some(Default::Bool(b)) => Arg::Bool(*b),
        Some(Default::Int(i)) => Arg::Number(Number::Int(*i)),
        Some(Default::Float(f)) => Arg::Number(Number::Float(*f)),
        Some(Default::Str(s)) => Arg::Str(s),
        Some(Default::Ints(v)) => Arg::Ints(Box::leak(v.clone().into_boxed_slice())),
    }
}

/// The classes of named results, made while the module is: functions and methods of one name share theirs.
static NAMED: Mutex<Vec<(String, usize)>> = Mutex::new(Vec::new());

/// Every class of named results, borrowed: they live for ever.
pub fn named_classes() -> Vec<P> {
    NAMED.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(_, class)| *class as P).collect()
}

/// The last part of the name of a class of named results.
///
/// # Safety
/// `class` is such a class; the GIL is held.
pub unsafe fn class_name(class: P) -> String {
    // SAFETY: says the caller.
    let class = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), class) };
    class.getattr("__name__").and_then(|n| n.extract()).unwrap_or_default()
}

/// `rustgrad.return_types.max`: a tuple whose items have names. One class per name of an op.
fn named_class(op: &str, fields: &[&'static str]) -> Result<P> {
    let known = NAMED.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|(name, _)| name == op).map(|n| n.1);
    if let Some(class) = known {
        return Ok(super::autograd::again(class as P));
    }
    let class = new_named_class(op, fields)?;
    NAMED.lock().unwrap_or_else(PoisonError::into_inner).push((op.to_string(), class as usize));
    Ok(class)
}

fn new_named_class(op: &str, fields: &[&'static str]) -> Result<P> {
    let name = CString::new(format!("rustgrad.return_types.{op}")).map_err(|_| err!(Value, "a NUL in a name"))?;
    let mut list = Vec::new();
    for f in fields {
        let text = CString::new(*f).map_err(|_| err!(Value, "a NUL in a name"))?;
        list.push(ffi::PyStructSequence_Field { name: text.into_raw(), doc: std::ptr::null() });
    }
    list.push(ffi::PyStructSequence_Field { name: std::ptr::null(), doc: std::ptr::null() });
    // The class keeps pointers to its fields, for ever.
    let list = Box::leak(list.into_boxed_slice());
    let mut desc = ffi::PyStructSequence_Desc {
        name: name.into_raw(),
        doc: c"A tuple whose items have names.".as_ptr(),
        fields: list.as_mut_ptr(),
        n_in_sequence: fields.len() as std::ffi::c_int,
    };
    // SAFETY: the description is complete and lives as long as the class.
    let class = unsafe { ffi::PyStructSequence_NewType(&mut desc) };
    if class.is_null() {
        return Err(fetched());
    }
    static REPR: Method = Method(ffi::PyMethodDef {
        ml_name: c"__repr__".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: named_repr },
        ml_flags: ffi::METH_NOARGS,
        ml_doc: std::ptr::null(),
    });
    // SAFETY: the class is new, and the definition lives for ever.
    unsafe {
        let repr = checked(ffi::PyDescr_NewMethod(class, std::ptr::from_ref(&REPR.0).cast_mut()))?;
        let failed = ffi::PyObject_SetAttrString(class.cast(), c"__repr__".as_ptr(), repr);
        ffi::Py_DECREF(repr);
        if failed != 0 { Err(fetched()) } else { Ok(class.cast()) }
    }
}

struct Method(ffi::PyMethodDef);
// SAFETY: the definition only holds pointers to constants.
unsafe impl Sync for Method {}

/// PyTorch's: one item a line.
unsafe extern "C" fn named_repr(this: P, _: P) -> P {
    let text = |py: Python<'_>| {
        // SAFETY: the receiver of a method.
        let this = unsafe { Bound::from_borrowed_ptr(py, this) };
        let class = this.get_type();
        let fields = class.getattr("__match_args__")?.extract::<Vec<String>>()?;
        let items = fields.iter().zip(this.try_iter()?).map(|(f, v)| Ok(format!("{f}={}", v?.repr()?)));
        let items = items.collect::<PyResult<Vec<String>>>()?;
        let name = format!("{}.{}(\n{})", class.getattr("__module__")?, class.getattr("__name__")?, items.join(",\n"));
        Ok(PyString::new(py, &name).into_any().into_ptr())
    };
    // SAFETY: called by Python with the GIL held.
    super::operators::guarded("repr", || text(unsafe { Python::assume_attached() }).or_foreign().map(Some))
}
