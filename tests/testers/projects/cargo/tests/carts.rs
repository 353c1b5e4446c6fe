#[test] fn removes() { }
#[test] fn adds() { assert!(false, "cart") }
#[test] fn empties() { }
