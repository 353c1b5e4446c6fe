"""What Aurora knows of the programs that run tests: one module a language, all of them in `engine.testers.table`."""
