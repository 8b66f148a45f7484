//! Route 53: global, whatever the region of the step.
