package shop;
import static org.junit.jupiter.api.Assertions.*;
import org.junit.jupiter.api.*;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
class OrdersTest {
  @Test void adds() {}
  @Test void addsMore() { fail("no"); }
  @Test void removes() { throw new IllegalStateException("boom"); }
  @Test @DisplayName("a name with spaces") void spaced() { fail(); }
  @Test @Disabled void later() {}
  @ParameterizedTest @ValueSource(strings = {"a b", "c", "d - e"}) void many(String s) { assertEquals("c", s); }
  @Nested class Inner { @Test void deep() { fail(); } @Test void fine() {} }
}
