package conformance;

import static conformance.Checks.require;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A program that prints a first line when it is ready, and ends in good order when it is told to. */
class Program implements AutoCloseable {
    private static final int READY_WITHIN = 20; // seconds
    private static final int STOP_WITHIN = 10;

    private final String name;
    private final Process process;
    final String firstLine;

    Program(List<String> command) throws Exception {
        name = command.get(0);
        process = builder(command).start();
        var output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        var first = CompletableFuture.supplyAsync(() -> line(output));
        try {
            firstLine = first.get(READY_WITHIN, TimeUnit.SECONDS);
        } catch (Exception late) {
            process.destroyForcibly();
            throw new IOException(name + " was not ready within " + READY_WITHIN + " s", late);
        }
        require(firstLine != null, name + " ended at once");
        // What it prints after that is not kept: a secret may be among it.
        var rest = new Thread(() -> {
            while (line(output) != null) {}
        });
        rest.setDaemon(true);
        rest.start();
    }

    private static String line(BufferedReader output) {
        try {
            return output.readLine();
        } catch (IOException closed) {
            return null;
        }
    }

    /** Ends it in good order, and fails if that does not happen. */
    @Override
    public void close() throws IOException {
        process.destroy(); // SIGTERM
        process.onExit().orTimeout(STOP_WITHIN, TimeUnit.SECONDS).exceptionally(late -> process.destroyForcibly()).join();
        require(process.exitValue() == 0, name + " did not end in good order, but with " + process.exitValue());
    }

    /** A process with this one's environment without what would become a setting of Patchbay, and without a proxy. */
    static ProcessBuilder builder(List<String> command) {
        var builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().keySet().removeIf(name -> name.startsWith("PATCHBAY_") || name.toLowerCase().endsWith("_proxy"));
        return builder;
    }

    /** Runs a program to its end and returns what it printed to its standard output. */
    static String run(List<String> command, Map<String, String> more) throws Exception {
        var builder = builder(command);
        builder.environment().putAll(more);
        var errors = Files.createTempFile("errors", ".txt");
        var process = builder.redirectError(errors.toFile()).start();
        process.getOutputStream().close();
        var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        require(process.waitFor() == 0, String.join(" ", command) + " ended with " + process.exitValue() + ": " + Files.readString(errors));
        Files.delete(errors);
        return output;
    }
}
