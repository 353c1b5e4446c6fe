#[test] fn removes() { assert!(false) }
#[test] fn adds() { }
#[test] fn lists() { }
#[test] fn prints() -> Result<(), String> { Err("broken".into()) }
