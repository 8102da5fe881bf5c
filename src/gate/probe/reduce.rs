//! Pure reductions: from a raw answer to what is recorded and judged.
