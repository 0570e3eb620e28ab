package conformance;

import com.google.gson.Gson;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;

/** The checks of the suite. Each prints what report.mjs reads; none keeps those after it from running. */
final class Checks {
    /** A check, or a group of them. */
    interface Body {
        void run() throws Exception;
    }

    /** A group, which is given what makes its checks. */
    interface Group {
        void run(Check check) throws Exception;
    }

    /** Makes a check of a group. */
    interface Check {
        void that(String title, Body body);
    }

    private final Gson gson = new Gson();
    private boolean failed;

    boolean failed() {
        return failed;
    }

    /** Runs a group. What fails outside of a check is a line too. */
    void group(String name, Group group) {
        line(List.of(name), false, () -> group.run((title, body) -> line(List.of(name, title), true, body)));
    }

    private void line(List<String> path, boolean always, Body body) {
        long begun = System.nanoTime();
        var details = "";
        try {
            body.run();
        } catch (Exception | AssertionError | LinkageError failure) {
            var text = new StringWriter();
            failure.printStackTrace(new PrintWriter(text));
            details = text.toString();
            failed = true;
        }
        if (always || !details.isEmpty()) {
            var event = new LinkedHashMap<String, Object>();
            event.put("check", path);
            event.put("passed", details.isEmpty());
            event.put("milliseconds", (System.nanoTime() - begun) / 1e6);
            event.put("details", details);
            System.out.println(gson.toJson(event));
        }
    }

    /** Fails unless both are the same, and says what they are. */
    static void equal(Object got, Object want, String what) {
        require(Objects.equals(got, want), what + " is " + got + ", want " + want);
    }

    /** Fails unless every part is in the text. */
    static void contains(String text, String... parts) {
        for (var part : parts) {
            require(text != null && text.contains(part), "\"" + part + "\" is not in \"" + text + "\"");
        }
    }

    static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }

    /** Fails unless the body throws an exception of the type, which it returns. */
    static <E extends Throwable> E thrown(Class<E> type, Body body) {
        try {
            body.run();
        } catch (Throwable failure) {
            if (type.isInstance(failure)) {
                return type.cast(failure);
            }
            throw new AssertionError("the exception is " + failure + ", want " + type.getName(), failure);
        }
        throw new AssertionError("answered with success, want " + type.getName());
    }
}
