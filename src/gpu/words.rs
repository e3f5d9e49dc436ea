//! The words of a launch: sizes, strides and places of first elements, which are data and no text. A kernel reads them
//! as `rg_word(NAME)`. One list of names, [`words!`], makes both the struct that a launch fills and the constants that
//! the kernel's text reads by.
//!
//! A word named after an operand is the place of its first element. What comes in lists whose length varies, such as
//! the sizes and strides of a walk, lies behind the named words, from `REST` on.

use super::kernel::WORDS;

/// The words of one launch: those of a struct of [`words!`], then lists.
pub struct Words {
    names: &'static [(&'static str, usize)],
    list: Vec<u32>,
}

impl Words {
    pub const NONE: Words = Words { names: &[], list: Vec::new() };

    /// Room for named words, each of which has a number of places.
    pub fn of(names: &'static [(&'static str, usize)]) -> Words {
        Words { names, list: Vec::with_capacity(WORDS) }
    }

    /// With more words behind: those that names stand for, then lists.
    pub fn and(mut self, more: impl IntoIterator<Item = u32>) -> Words {
        self.list.extend(more);
        self
    }

    pub fn list(&self) -> &[u32] {
        &self.list
    }

    /// The WGSL constants that say where each name's words begin, and lists (`REST`).
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut at = 0;
        for (name, count) in self.names.iter().chain(&[("rest", 0)]) {
            out += &format!("const {}: u32 = {at}u;\n", name.to_uppercase());
            at += count;
        }
        out
    }
}

/// The WGSL that reads word `k` of the lists.
pub fn rest(k: usize) -> String {
    format!("rg_word(REST + {k}u)")
}

/// A struct of words in the order of its fields, `name` for one and `name[n]` for several: `words()` begins the list of
/// a launch, and where the list's kernel says `rg_word(NAME)`, or `rg_word(NAME + k)`, it reads this field.
macro_rules! words {
    ($(#[$doc:meta])* struct $Struct:ident { $($field:ident $([$count:expr])?),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        struct $Struct {
            $($field: $crate::gpu::words::words!(@type $([$count])?)),+
        }

        impl $Struct {
            fn words(&self) -> $crate::gpu::words::Words {
                const NAMES: &[(&str, usize)] =
                    &[$((stringify!($field), $crate::gpu::words::words!(@count $([$count])?))),+];
                $crate::gpu::words::Words::of(NAMES)$(.and($crate::gpu::words::words!(@list self.$field $(, [$count])?)))+
            }
        }
    };
    (@type) => { u32 };
    (@type [$count:expr]) => { [u32; $count] };
    (@count) => { 1 };
    (@count [$count:expr]) => { $count };
    (@list $value:expr) => { [$value] };
    (@list $value:expr, [$count:expr]) => { $value };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    words! {
        struct Some { out, size[2], stride }
    }

    #[test]
    fn names_and_words_agree() {
        let words = Some { stride: 4, out: 1, size: [2, 3] }.words().and([5, 6]);
        assert_eq!(words.list(), [1, 2, 3, 4, 5, 6]);
        let text = "const OUT: u32 = 0u;\nconst SIZE: u32 = 1u;\nconst STRIDE: u32 = 3u;\nconst REST: u32 = 4u;\n";
        assert_eq!(words.text(), text);
    }
}
