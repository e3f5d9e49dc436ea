//! `optimizer!`: one optimizer's step by name. Options, counters, state, numbers and flags are words that the formula uses; their
//! places are counted while compiling.

/// Declares an optimizer as `pub static NAME: Rule`.
///
/// `options` are numbers that Python passes, `choices` truth values; `counters` are numbers in a parameter's state, moved on in
/// `before`; `state` are tensors like the parameter, some only where a flag is set. `numbers` and `flags` are what the formula
/// sees, computed once for each parameter; `step` is the formula of one element: `p.get(STATE)`, `p.put(STATE, value)`, the
/// parameter being operand `X` and its gradient `G`.
macro_rules! optimizer {
    (
        $(#[doc = $doc:literal])*
        $rule:ident = $label:literal {
            options: [$($option:ident),*],
            choices: [$($choice:ident),*],
            counters: [$($counter:ident = $start:expr),*],
            state: [$($key:ident $(if $when:ident)?),*],
            before: { $($before:tt)* },
            numbers: [$($number:ident = $value:expr),* $(,)?],
            flags: [$($flag:ident = $holds:expr),* $(,)?],
            step: |$p:ident| $step:block $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        pub static $rule: $crate::ops::update::Rule = {
            #[expect(non_camel_case_types, reason = "the names are those of the declaration")]
            #[allow(dead_code, reason = "a name stands for its place")]
            enum Key { $($key),* }
            #[expect(non_camel_case_types, reason = "as above")]
            #[allow(dead_code, reason = "as above")]
            enum Word { $($number),* }
            #[expect(non_camel_case_types, reason = "as above")]
            #[allow(dead_code, reason = "as above")]
            enum Flag { $($choice,)* $($flag),* }

            #[allow(unused_variables, unused_assignments, unused_mut, reason = "not every option has a say in all of them")]
            fn prepare(
                options: &[f64],
                choices: u32,
                counters: &mut [$crate::ops::update::Counter],
            ) -> Option<$crate::ops::update::Ready> {
                let mut options = options.iter().copied();
                $(let $option = options.next()?;)*
                let mut bit = 0;
                $(let $choice = choices >> { bit += 1; bit - 1 } & 1 == 1;)*
                let mut counters = counters.iter_mut();
                $(let $counter = counters.next()?;)*
                $($before)*
                let mut numbers = [0.0; $crate::expr::update::MAX_NUMBERS];
                $(numbers[Word::$number as usize] = $value;)*
                let mut flags = choices;
                $(flags |= u32::from($holds) << Flag::$flag as u32;)*
                Some($crate::ops::update::Ready { numbers, flags })
            }

            struct Formula;
            impl $crate::expr::Update for Formula {
                #[inline(always)]
                #[allow(unused_variables, dead_code, non_upper_case_globals, reason = "a formula need not use all its names")]
                fn eval<S: $crate::expr::Scalar, P: $crate::expr::update::Slots<S>>($p: P)
                where
                    f64: $crate::expr::Left<S>,
                {
                    const X: usize = 0;
                    const G: usize = 1;
                    $(const $key: usize = 2 + Key::$key as usize;)*
                    $(let $number = $p.number(Word::$number as usize);)*
                    $(let $choice = $p.flag(Flag::$choice as usize);)*
                    $(let $flag = $p.flag(Flag::$flag as usize);)*
                    $step
                }
            }

            $crate::ops::update::Rule {
                name: $label,
                options: &[$(stringify!($option)),*],
                choices: &[$(stringify!($choice)),*],
                counters: &[$((stringify!($counter), $start)),*],
                state: &[$((stringify!($key), optimizer!(@when Flag $($when)?))),*],
                prepare,
                loops: $crate::cpu::update::Loops::of::<Formula>(),
                record: $crate::expr::Recorded::of::<Formula>,
                texts: std::sync::Mutex::new(Vec::new()),
            }
        };
    };
    (@when $flag:ident) => { None };
    (@when $flag:ident $when:ident) => { Some($flag::$when as usize) };
}
