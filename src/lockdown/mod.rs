//! References in documents: extract, resolve, grade.
