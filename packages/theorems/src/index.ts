// Public names of @dual-head/theorems.
