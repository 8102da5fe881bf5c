//! Rendering: human, JSON, JUnit, GitHub.
