//! Foreign text made harmless: every renderer quotes text that others wrote through one of these.
