//! The Tensor: a counted handle on an array and its place in the graph.
//!
//! One tensor has one Python object. The object owns exactly one count of the handle, and the handle
//! owns exactly one reference to the object *while its count is above one*; whether there is an object
//! is the top bit of the same word. So an object survives (with its attributes and its subclass) as
//! long as Rust holds the tensor, without ever being resurrected. The count is a plain cell: the GIL
//! guards it, `Tensor` is `!Send`, and code that runs without the GIL holds arrays only.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::OnceLock;

use super::door::{Token, enter};
pub use super::extra::{Extra, Part, ViewKind};
use super::node::{Edge, Node};
use crate::core::layout::fill_contiguous;
use crate::core::{DType, Device, Layout, Meta, Shape, Strides};
use crate::device::{Array, Storage};
use crate::err;
use crate::error::Result;

/// The top bit of the count: a Python object exists.
const HAS_OBJECT: usize = 1 << (usize::BITS - 1);
/// Handles kept for reuse per thread.
const KEEP: usize = 256;

pub struct Handle {
    count: Cell<usize>,
    object: Cell<*mut c_void>,
    array: UnsafeCell<Array>,
    /// Set by the user on a leaf; a recorded result has a `grad_fn` instead.
    leaf_requires_grad: Cell<bool>,
    /// Made in inference mode: it takes no part in graphs.
    inference: Cell<bool>,
    /// Which output of `grad_fn` this is.
    output_nr: Cell<u32>,
    /// How this view of `base` was made, for the errors of writing to it.
    view_kind: Cell<ViewKind>,
    /// How often the history of this tensor was replaced by an in-place op (a base), or the base's
    /// count for which `grad_fn` holds (a view).
    history: Cell<u32>,
    pub(super) grad_fn: RefCell<Option<Rc<Node>>>,
    /// The root that this is a view of.
    base: RefCell<Option<Tensor>>,
    pub(super) extra: RefCell<Option<Box<Extra>>>,
}

/// A tensor. Cloning shares it.
#[repr(transparent)]
pub struct Tensor(NonNull<Handle>, PhantomData<*const ()>);

/// How floor 8 counts references of Python objects.
pub struct ObjectHooks {
    pub incref: unsafe fn(*mut c_void),
    pub decref: unsafe fn(*mut c_void),
}

static OBJECTS: OnceLock<ObjectHooks> = OnceLock::new();

pub fn set_object_hooks(hooks: ObjectHooks) {
    let _ = OBJECTS.set(hooks);
}

struct FreeList(RefCell<Vec<NonNull<Handle>>>);

impl Drop for FreeList {
    fn drop(&mut self) {
        for h in self.0.borrow_mut().drain(..) {
            // SAFETY: a handle on the list is memory from `Box` whose content was dropped.
            drop(unsafe { Box::from_raw(h.as_ptr().cast::<MaybeUninit<Handle>>()) });
        }
    }
}

thread_local! {
    static FREE: FreeList = const { FreeList(RefCell::new(Vec::new())) };
}

impl Tensor {
    /// A tensor over `array`, outside any graph.
    #[inline]
    pub fn new(array: Array, token: Token) -> Tensor {
        let h = Tensor::slot();
        // SAFETY: memory for a handle that is ours; with the array it is whole.
        unsafe {
            (&raw mut (*h.as_ptr()).array).write(UnsafeCell::new(array));
            Tensor::begin(h, token)
        }
    }

    /// As `new`, of a packed array made from its parts: each is written where it stays, where an array made first would be
    /// moved, which stalls on what was just written.
    #[inline]
    pub fn packed(
        shape: &Shape,
        offset: usize,
        dtype: DType,
        device: Device,
        storage: Storage,
        token: Token,
    ) -> Tensor {
        let h = Tensor::slot();
        // SAFETY: as in `new`.
        unsafe {
            let array = (&raw mut (*h.as_ptr()).array).cast::<Array>();
            (&raw mut (*array).meta.layout.shape).write(shape.clone());
            let strides = &raw mut (*array).meta.layout.strides;
            strides.write(Strides::zeros(shape.len()));
            fill_contiguous(&mut *strides, shape);
            (&raw mut (*array).meta.layout.offset).write(offset);
            (&raw mut (*array).meta.dtype).write(dtype);
            (&raw mut (*array).meta.device).write(device);
            (&raw mut (*array).storage).write(storage);
            Tensor::begin(h, token)
        }
    }

    /// Memory for a handle.
    #[inline]
    fn slot() -> NonNull<Handle> {
        match FREE.try_with(|f| f.0.borrow_mut().pop()) {
            Ok(Some(p)) => p,
            _ => NonNull::from(Box::leak(Box::<Handle>::new_uninit())).cast(),
        }
    }

    /// The first count of a handle, whose fields but the array it sets.
    ///
    /// # Safety
    /// `ptr` came from `slot`, and its array was written.
    #[inline]
    unsafe fn begin(ptr: NonNull<Handle>, token: Token) -> Tensor {
        let h = ptr.as_ptr();
        // SAFETY: says the caller.
        unsafe {
            (&raw mut (*h).count).write(Cell::new(1));
            (&raw mut (*h).object).write(Cell::new(std::ptr::null_mut()));
            (&raw mut (*h).leaf_requires_grad).write(Cell::new(false));
            (&raw mut (*h).inference).write(Cell::new(token.0));
            (&raw mut (*h).output_nr).write(Cell::new(0));
            (&raw mut (*h).view_kind).write(Cell::new(ViewKind::Recorded));
            (&raw mut (*h).history).write(Cell::new(0));
            (&raw mut (*h).grad_fn).write(RefCell::new(None));
            (&raw mut (*h).base).write(RefCell::new(None));
            (&raw mut (*h).extra).write(RefCell::new(None));
        }
        Tensor(ptr, PhantomData)
    }

    #[inline]
    pub(super) fn handle(&self) -> &Handle {
        // SAFETY: a Tensor owns one count, so the handle is alive.
        unsafe { self.0.as_ref() }
    }

    /// Address of the handle: the identity of this tensor.
    #[inline]
    pub fn id(&self) -> usize {
        self.0.as_ptr() as usize
    }

    /// Whether both are the same tensor, not merely equal.
    #[inline]
    pub fn is(&self, other: &Tensor) -> bool {
        self.0 == other.0
    }

    /// The array. The reference must not be held across a call into Python, which may replace it.
    #[inline]
    pub fn array(&self) -> &Array {
        // SAFETY: replaced only by `set_array`, whose callers hold no such reference.
        unsafe { &*self.handle().array.get() }
    }

    /// Replaces the array in place: `p.data = t`, and resizing of `out=`.
    pub fn set_array(&self, array: Array, _: Token) {
        let shown = self.handle().extra.borrow_mut().as_mut().and_then(|e| e.memory.take());
        // SAFETY: the GIL is held, and running kernels own their arrays.
        unsafe { *self.handle().array.get() = array };
        drop(shown);
    }

    #[inline]
    pub fn meta(&self) -> &Meta {
        &self.array().meta
    }

    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.array().meta.layout
    }

    #[inline]
    pub fn shape(&self) -> &[usize] {
        self.array().shape()
    }

    #[inline]
    pub fn ndim(&self) -> usize {
        self.array().ndim()
    }

    #[inline]
    pub fn numel(&self) -> usize {
        self.array().numel()
    }

    #[inline]
    pub fn dtype(&self) -> DType {
        self.array().dtype
    }

    /// The elements in this machine's memory: the array itself, or a copy of what is on a GPU; an error on `meta`.
    pub fn on_cpu(&self) -> Result<Array> {
        if self.device().is_cpu() {
            return Ok(self.array().clone());
        }
        let (from, mut read) = (self.array().clone(), None);
        super::mode::unlocked(usize::MAX, &mut || read = Some(super::data::moved(&from, Device::CPU)));
        read.unwrap_or_else(|| Err(crate::err!(Runtime, "internal error: nothing was read")))
    }

    #[inline]
    pub fn device(&self) -> Device {
        self.array().device
    }

    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.array().is_contiguous()
    }

    // ---- the graph

    #[inline]
    pub fn requires_grad(&self) -> bool {
        let h = self.handle();
        h.leaf_requires_grad.get()
            || h.grad_fn.borrow().is_some()
            || (h.base.borrow().is_some() && self.base_requires_grad())
    }

    /// Also a view that nobody recorded requires a gradient, and one made before its root required it.
    #[inline(never)]
    fn base_requires_grad(&self) -> bool {
        self.handle().base.borrow().as_ref().is_some_and(Tensor::requires_grad)
    }

    /// Whether this tensor was made in inference mode.
    #[inline]
    pub fn is_inference(&self) -> bool {
        self.handle().inference.get()
    }

    /// For what shows another tensor's memory.
    pub fn set_inference(&self, on: bool) {
        self.handle().inference.set(on);
    }

    /// Whether no recorded op made this tensor.
    #[inline]
    pub fn is_leaf(&self) -> bool {
        self.handle().grad_fn.borrow().is_none() && !self.stale()
    }

    /// Switches recording on or off for a leaf.
    pub fn set_requires_grad(&self, on: bool) -> Result<()> {
        if !on && !self.is_leaf() {
            return Err(err!(
                Runtime,
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a \
                 subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            ));
        }
        if on && !self.dtype().is_differentiable() {
            return Err(err!(Runtime, "only Tensors of floating point and complex dtype can require gradients")
                .hint(format!("this tensor is {}; convert it first, e.g. x.float()", self.dtype().name())));
        }
        if on && self.is_inference() && !super::mode::inference() {
            return Err(err!(
                Runtime,
                "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
            )
            .hint("make a clone() of it, which is a normal tensor"));
        }
        if self.is_leaf() {
            self.handle().leaf_requires_grad.set(on);
        }
        Ok(())
    }

    /// The node that made this tensor, rebuilt first if this is a view whose base was written to.
    #[inline]
    pub fn grad_fn(&self) -> Result<Option<Rc<Node>>> {
        if self.stale() {
            super::views::rebuild(self)?;
        }
        Ok(self.handle().grad_fn.borrow().clone())
    }

    /// The node that made this tensor, also of a view that does not show its base as it is now.
    pub fn made_by(&self) -> Option<Rc<Node>> {
        self.handle().grad_fn.borrow().clone()
    }

    #[inline]
    pub fn output_nr(&self) -> u32 {
        self.handle().output_nr.get()
    }

    /// Makes this the result `output_nr` of `node`.
    #[inline]
    pub fn set_history(&self, node: Rc<Node>, output_nr: u32) {
        self.handle().output_nr.set(output_nr);
        *self.handle().grad_fn.borrow_mut() = Some(node);
    }

    /// As [`set_history`](Self::set_history) after a write in place: `retain_grad()` follows the tensor to its new node.
    pub fn replace_history(&self, node: Rc<Node>, output_nr: u32) {
        if let Some(slot) = self.extra(|e| e.retained.clone()).flatten() {
            // Not held while the nodes change: what they drop may look at this tensor again.
            let old = self.handle().grad_fn.borrow().clone();
            if let Some(old) = old.filter(|old| old.extra.borrow().is_some()) {
                old.with_extra(|e| e.retain.retain(|(_, s)| !Rc::ptr_eq(s, &slot)));
            }
            node.with_extra(|e| e.retain.push((output_nr, slot)));
        }
        self.set_history(node, output_nr);
    }

    /// Cuts this tensor off its graph: `detach_()`.
    pub fn clear_history(&self) {
        self.handle().output_nr.set(0);
        *self.handle().grad_fn.borrow_mut() = None;
        self.handle().leaf_requires_grad.set(false);
        if self.tangent().is_some() {
            self.set_tangent(None);
        }
    }

    /// Where the gradient of this tensor goes.
    #[inline]
    pub fn edge(&self) -> Result<Edge> {
        if let Some(node) = self.grad_fn()? {
            return Ok(Edge::Node(node, self.output_nr()));
        }
        Ok(if self.handle().leaf_requires_grad.get() { Edge::Leaf(self.clone()) } else { Edge::None })
    }

    // ---- views

    /// The root this is a view of.
    pub fn base(&self) -> Option<Tensor> {
        self.handle().base.borrow().clone()
    }

    pub fn is_view(&self) -> bool {
        self.handle().base.borrow().is_some()
    }

    pub fn view_kind(&self) -> ViewKind {
        self.handle().view_kind.get()
    }

    /// Notes that this tensor shows part of `of` (or of what `of` is a view of).
    #[inline]
    pub fn set_base(&self, of: &Tensor, kind: ViewKind) {
        // What is never recorded needs no history: for autograd such a view is a tensor of inference mode like any other.
        self.set_inference(of.is_inference());
        if of.is_inference() {
            return;
        }
        // A view of a view that must not be written is one as well.
        let kind = if kind == ViewKind::Recorded && of.is_view() { of.view_kind() } else { kind };
        let root = of.base().unwrap_or_else(|| of.clone());
        self.handle().history.set(root.handle().history.get());
        self.handle().view_kind.set(kind);
        *self.handle().base.borrow_mut() = Some(root);
    }

    pub fn clear_base(&self) {
        *self.handle().base.borrow_mut() = None;
    }

    /// A view whose base got a new history since `grad_fn` was set.
    #[inline]
    pub fn stale(&self) -> bool {
        match &*self.handle().base.borrow() {
            Some(base) => base.handle().history.get() != self.handle().history.get(),
            None => false,
        }
    }

    /// A write through one of its views has given this base a new history: views must look again.
    pub fn bump_history(&self) {
        self.handle().history.set(self.handle().history.get().wrapping_add(1));
    }

    /// This view's `grad_fn` holds for the base as it is now.
    pub fn mark_fresh(&self) {
        if let Some(base) = &*self.handle().base.borrow() {
            self.handle().history.set(base.handle().history.get());
        }
    }

    // ---- versions

    pub fn version(&self) -> u32 {
        self.own_version(|v| *v).unwrap_or_else(|| self.array().storage.version())
    }

    /// Calls `f` with the version of an `x.data`, or of a view of one.
    fn own_version<R>(&self, f: impl FnOnce(&mut u32) -> R) -> Option<R> {
        if let Some(v) = self.handle().extra.borrow_mut().as_mut().and_then(|e| e.version.as_mut()) {
            return Some(f(v));
        }
        let base = self.handle().base.borrow();
        let mut extra = base.as_ref()?.handle().extra.borrow_mut();
        extra.as_mut().and_then(|e| e.version.as_mut()).map(f)
    }

    /// Whether this is `x.data`, whose writes the storage's version does not count.
    pub fn has_own_version(&self) -> bool {
        self.own_version(|_| ()).is_some()
    }

    #[inline]
    pub fn bump_version(&self) {
        if self.own_version(|v| *v = v.wrapping_add(1)).is_none() {
            self.array().storage.bump_version();
        }
    }

    // ---- rare parts

    /// Reads the rare parts, if there are any.
    #[inline]
    pub fn extra<R>(&self, f: impl FnOnce(&Extra) -> R) -> Option<R> {
        self.handle().extra.borrow().as_deref().map(f)
    }

    /// Changes the rare parts, which are made if missing. `f` must not drop tensors or call Python.
    pub fn with_extra<R>(&self, f: impl FnOnce(&mut Extra) -> R) -> R {
        f(self.handle().extra.borrow_mut().get_or_insert_default())
    }

    pub fn grad(&self) -> Option<Tensor> {
        self.extra(|e| match &e.retained {
            Some(slot) => slot.borrow().clone(),
            None => e.grad.clone(),
        })
        .flatten()
    }

    pub fn set_grad(&self, grad: Option<Tensor>) {
        if grad.is_none() && self.handle().extra.borrow().is_none() {
            return;
        }
        // The old gradient is dropped after the borrow ends: its drop may run Python code.
        drop(self.with_extra(|e| match &e.retained {
            Some(slot) => slot.replace(grad),
            None => std::mem::replace(&mut e.grad, grad),
        }));
    }

    /// A tensor over the same memory and version, outside the graph.
    #[inline]
    pub fn detach(&self) -> Tensor {
        let out = enter("detach", self.array().clone());
        out.set_inference(self.is_inference());
        if let Some(v) = self.own_version(|v| *v) {
            out.with_extra(|e| e.version = Some(v));
        }
        out
    }

    // ---- the Python object (floor 8 only)

    /// The Python object, if one was made.
    #[inline]
    pub fn object(&self) -> *mut c_void {
        self.handle().object.get()
    }

    /// Count without the object bit.
    #[inline]
    pub fn count(&self) -> usize {
        self.handle().count.get() & !HAS_OBJECT
    }

    /// Gives the handle its Python object, which takes over this count.
    ///
    /// # Safety
    /// `object` is a live Python object that will call [`Tensor::release_object`] when it dies; there was none.
    #[inline]
    pub unsafe fn give_to_object(self, object: *mut c_void) {
        let h = self.handle();
        h.object.set(object);
        let n = h.count.get();
        h.count.set(n | HAS_OBJECT);
        if n > 1
            && let Some(hooks) = OBJECTS.get()
        {
            // SAFETY: the object is alive; the GIL is held.
            unsafe { (hooks.incref)(object) };
        }
        std::mem::forget(self);
    }

    /// Borrows the tensor that a Python object owns.
    ///
    /// # Safety
    /// `handle` came from [`Tensor::as_raw`] and its object is alive while the result is used.
    #[inline]
    pub unsafe fn borrow_raw(handle: &*mut c_void) -> &Tensor {
        // SAFETY: Tensor is one pointer to the handle (transparent for this purpose).
        unsafe { &*(handle as *const *mut c_void as *const Tensor) }
    }

    /// The handle pointer that an object stores.
    #[inline]
    pub fn as_raw(&self) -> *mut c_void {
        self.0.as_ptr().cast()
    }

    /// The dying object gives its count back.
    ///
    /// # Safety
    /// Called once, from the deallocator of the object given to `give_to_object`.
    #[inline]
    pub unsafe fn release_object(handle: *mut c_void) {
        // SAFETY: the object still owned one count.
        let t = Tensor(unsafe { NonNull::new_unchecked(handle.cast()) }, PhantomData);
        t.handle().object.set(std::ptr::null_mut());
        t.handle().count.set(t.handle().count.get() & !HAS_OBJECT);
    }
}

impl Clone for Tensor {
    #[inline]
    fn clone(&self) -> Tensor {
        let h = self.handle();
        let n = h.count.get();
        h.count.set(n + 1);
        if n == HAS_OBJECT | 1
            && let Some(hooks) = OBJECTS.get()
        {
            // SAFETY: the object exists and the GIL is held (Tensor is !Send).
            unsafe { (hooks.incref)(h.object.get()) };
        }
        Tensor(self.0, PhantomData)
    }
}

impl Drop for Tensor {
    #[inline]
    fn drop(&mut self) {
        let h = self.handle();
        let n = h.count.get();
        if n == 1 {
            return free(self.0);
        }
        h.count.set(n - 1);
        if n == HAS_OBJECT | 2
            && let Some(hooks) = OBJECTS.get()
        {
            // SAFETY: the handle's own reference keeps the object alive until now.
            unsafe { (hooks.decref)(h.object.get()) };
        }
    }
}

/// Drops the content of a handle nobody counts and keeps its memory.
#[inline]
fn free(ptr: NonNull<Handle>) {
    // SAFETY: the last count is gone; nodes are dropped without recursion (see `node`).
    unsafe { std::ptr::drop_in_place(ptr.as_ptr()) };
    let kept = FREE.try_with(|f| {
        let mut list = f.0.borrow_mut();
        let room = list.len() < KEEP;
        if room {
            list.push(ptr);
        }
        room
    });
    if !kept.unwrap_or(false) {
        // SAFETY: memory from `Box`, content already dropped.
        drop(unsafe { Box::from_raw(ptr.as_ptr().cast::<MaybeUninit<Handle>>()) });
    }
}
