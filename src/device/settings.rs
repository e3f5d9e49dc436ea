//! What environment variables say. A value that means nothing is refused with what is expected: ignored silently, a limit that
//! was mistyped would be no limit.

use std::env::var;

/// One of `words`, or None where the variable is not set or empty.
pub fn choice(name: &str, words: &[&'static str]) -> Result<Option<&'static str>, String> {
    let given = var(name).unwrap_or_default();
    match words.iter().find(|w| **w == given.trim()) {
        Some(word) => Ok(Some(word)),
        None if given.trim().is_empty() => Ok(None),
        None => Err(format!("{name}={given}: expected one of {}", words.join(", "))),
    }
}

/// A number of bytes, with or without a unit: `2GB`, `512 MiB`, `1.5g`, `1000000`.
pub fn bytes(name: &str) -> Result<Option<u64>, String> {
    let given = var(name).unwrap_or_default();
    if given.trim().is_empty() {
        return Ok(None);
    }
    let refused = || format!("{name}={given}: expected a number of bytes such as 2GB, 512MiB or 1000000");
    size(&given).map(Some).ok_or_else(refused)
}

/// A number above zero, or None where the variable is not set or empty.
pub fn count(name: &str) -> Result<Option<usize>, String> {
    let given = var(name).unwrap_or_default();
    if given.trim().is_empty() {
        return Ok(None);
    }
    match given.trim().parse() {
        Ok(n) if n > 0 => Ok(Some(n)),
        _ => Err(format!("{name}={given}: expected a number from 1 up")),
    }
}

fn size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit.trim() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1048576.0,
        "gib" => 1073741824.0,
        "tib" => 1099511627776.0,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * factor;
    (bytes.is_finite() && bytes < 9e18).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_units() {
        assert_eq!(
            ["2GB", "1.5 MiB", "512k", "7", "1e3"].map(size),
            [Some(2_000_000_000), Some(1_572_864), Some(512_000), Some(7), None]
        );
        assert_eq!(["abc", "", "GB", "-1", "2 XB"].map(size), [None; 5]);
    }
}
