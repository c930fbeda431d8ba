//! The settings file, validated once into types that the rest can trust.
