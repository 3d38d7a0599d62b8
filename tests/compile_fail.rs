//! Five misuses of the write path that must not compile: the proofs are made in one place each, and used once.

#[test]
fn the_five_misuses_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
