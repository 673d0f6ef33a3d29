//! Acequia.
