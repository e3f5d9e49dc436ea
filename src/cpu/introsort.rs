//! Introsort, introselect and selection by a heap, with the pivots, thresholds and sift orders that GNU's C++ library documents for
//! `sort`, `nth_element` and `partial_sort` (Musser 1997). Where keys are equal, these decide which of them `topk` and `mode` report,
//! and PyTorch's wheels are built with that library.

/// Ranges of no more are sorted by insertion.
const SMALL: usize = 16;

/// Twice the binary logarithm: partitions deeper than this give way to heaps.
fn depth_of(n: usize) -> u32 {
    2 * n.max(1).ilog2()
}

pub fn sort<K: Copy>(v: &mut [K], less: &impl Fn(K, K) -> bool) {
    intro(v, depth_of(v.len()), less);
    if v.len() > SMALL {
        insertion(&mut v[..SMALL], less);
        (SMALL..v.len()).for_each(|i| sink(v, i, less));
    } else {
        insertion(v, less);
    }
}

fn intro<K: Copy>(mut v: &mut [K], mut depth: u32, less: &impl Fn(K, K) -> bool) {
    while v.len() > SMALL {
        if depth == 0 {
            let n = v.len();
            return first(v, n, less);
        }
        depth -= 1;
        let cut = partition(v, less);
        let (low, high) = v.split_at_mut(cut);
        intro(high, depth, less);
        v = low;
    }
}

/// Puts the element that belongs at `nth` there, no larger ones before it and no smaller ones behind.
pub fn select<K: Copy>(v: &mut [K], nth: usize, less: &impl Fn(K, K) -> bool) {
    let (mut from, mut to, mut depth) = (0, v.len(), depth_of(v.len()));
    if nth >= to {
        return;
    }
    while to - from > 3 {
        if depth == 0 {
            heap_select(&mut v[from..to], nth + 1 - from, less);
            v.swap(from, nth);
            return;
        }
        depth -= 1;
        let cut = from + partition(&mut v[from..to], less);
        if cut <= nth { from = cut } else { to = cut }
    }
    insertion(&mut v[from..to], less);
}

/// The first `k` in order, in front.
pub fn first<K: Copy>(v: &mut [K], k: usize, less: &impl Fn(K, K) -> bool) {
    heap_select(v, k, less);
    for end in (1..k).rev() {
        let last = v[end];
        v[end] = v[0];
        adjust(&mut v[..end], 0, last, less);
    }
}

/// Splits around the median of three, which goes to the front; where the second part begins.
fn partition<K: Copy>(v: &mut [K], less: &impl Fn(K, K) -> bool) -> usize {
    let (a, b, c) = (1, v.len() / 2, v.len() - 1);
    let median = if less(v[a], v[b]) {
        if less(v[b], v[c]) {
            b
        } else if less(v[a], v[c]) {
            c
        } else {
            a
        }
    } else if less(v[a], v[c]) {
        a
    } else if less(v[b], v[c]) {
        c
    } else {
        b
    };
    v.swap(0, median);
    let (mut i, mut j) = (1, v.len());
    loop {
        // The median bounds both walks: one of the three is not less than it, and one not greater. Only an order that NaN
        // breaks goes past it.
        while i < v.len() && less(v[i], v[0]) {
            i += 1;
        }
        j -= 1;
        while j > 0 && less(v[0], v[j]) {
            j -= 1;
        }
        if i >= j {
            return i;
        }
        v.swap(i, j);
        i += 1;
    }
}

fn insertion<K: Copy>(v: &mut [K], less: &impl Fn(K, K) -> bool) {
    for i in 1..v.len() {
        if less(v[i], v[0]) {
            v[..=i].rotate_right(1);
        } else {
            sink(v, i, less);
        }
    }
}

/// Moves element `i` down to its place; some element before it is not greater.
fn sink<K: Copy>(v: &mut [K], i: usize, less: &impl Fn(K, K) -> bool) {
    let (value, mut at) = (v[i], i);
    while at > 0 && less(value, v[at - 1]) {
        v[at] = v[at - 1];
        at -= 1;
    }
    v[at] = value;
}

/// A heap of the `k` least, with the greatest of them in front.
fn heap_select<K: Copy>(v: &mut [K], k: usize, less: &impl Fn(K, K) -> bool) {
    if k == 0 {
        return;
    }
    if k > 1 {
        for parent in (0..=(k - 2) / 2).rev() {
            let value = v[parent];
            adjust(&mut v[..k], parent, value, less);
        }
    }
    for i in k..v.len() {
        if less(v[i], v[0]) {
            let value = v[i];
            v[i] = v[0];
            adjust(&mut v[..k], 0, value, less);
        }
    }
}

/// Lets the hole at `at` sink to a leaf, then `value` rise from there.
fn adjust<K: Copy>(v: &mut [K], at: usize, value: K, less: &impl Fn(K, K) -> bool) {
    let (n, mut hole, mut child) = (v.len(), at, at);
    while child < n.saturating_sub(1) / 2 {
        child = 2 * (child + 1);
        if less(v[child], v[child - 1]) {
            child -= 1;
        }
        v[hole] = v[child];
        hole = child;
    }
    if n % 2 == 0 && n >= 2 && child == (n - 2) / 2 {
        child = 2 * (child + 1);
        v[hole] = v[child - 1];
        hole = child - 1;
    }
    while hole > at {
        let parent = (hole - 1) / 2;
        if !less(v[parent], value) {
            break;
        }
        v[hole] = v[parent];
        hole = parent;
    }
    if let Some(slot) = v.get_mut(hole) {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_every_length() {
        let less = |a: (u32, u32), b: (u32, u32)| a.0 < b.0;
        for n in [0, 1, 2, 3, 4, 15, 16, 17, 18, 100, 1000] {
            let made: Vec<(u32, u32)> = (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) % 7, i)).collect();
            let mut expected: Vec<u32> = made.iter().map(|k| k.0).collect();
            expected.sort_unstable();
            let keys = |v: &[(u32, u32)]| v.iter().map(|k| k.0).collect::<Vec<_>>();
            let mut v = made.clone();
            sort(&mut v, &less);
            assert_eq!(keys(&v), expected);
            for k in [1, n / 3, n].into_iter().filter(|&k| k > 0 && k <= n) {
                let mut v = made.clone();
                first(&mut v, k, &less);
                assert_eq!(keys(&v[..k]), expected[..k]);
                let mut v = made.clone();
                select(&mut v, k - 1, &less);
                assert_eq!(v[k - 1].0, expected[k - 1]);
            }
        }
    }
}
