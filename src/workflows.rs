//! The verbs, one file each; the only place where the outside worlds meet.
