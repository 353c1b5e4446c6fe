package shop;
import static org.junit.jupiter.api.Assertions.*;
import org.junit.jupiter.api.*;
class CartTest {
  @Test void adds() { fail("cart"); }
  @Test void empties() {}
  @Test void total() {}
  @RepeatedTest(2) void again() {}
}
