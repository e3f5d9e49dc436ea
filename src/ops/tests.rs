//! Every declaration as a whole: its lines, samples and text.

use super::*;
use crate::ops::schema::Schema;

/// Every op that users can call has samples, and lines that parse.
#[test]
fn declarations_are_whole() {
    let mut names = std::collections::HashSet::new();
    for def in registry() {
        for line in def.schema {
            let schema = Schema::parse(line).unwrap();
            assert!(names.insert(*line), "two declarations of {line}");
            if def.variants.has_inplace() {
                let first = schema.params.first().map(|p| p.name);
                assert!(matches!(first, Some("self" | "input" | "condition")), "no tensor to write over: {line}");
            }
        }
        assert!(!def.samples.is_empty(), "no samples: {}", def.schema[0]);
        assert!(!def.doc.is_empty(), "no doc comment: {}", def.schema[0]);
    }
}
