import nothing from "./nothing-here";
test("never", () => nothing);
