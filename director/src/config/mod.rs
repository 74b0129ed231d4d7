//! The operator's file: `Raw` as written, then the valid [`crate::model::Config`].
