package conformance;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A running {@code patchbay dev} in an empty directory, on any free port, and the local commands on that directory. */
final class Server extends Program {
    private static final String BINARY = System.getenv("PATCHBAY_BIN");

    /** An app registration with a secret. */
    record Application(String tenant, String client, String secret) {}

    private final Path directory;
    final Map<String, String> env; // what it wrote into dev.env

    Server(Path directory, String... flags) throws Exception {
        super(command(directory, flags));
        this.directory = directory;
        env = readEnvironment(directory.resolve("dev.env"));
    }

    private static List<String> command(Path directory, String... flags) {
        var command = new ArrayList<>(List.of(BINARY, "dev", "--data-dir", directory.toString(), "--listen", "127.0.0.1:0", "--health-listen", ""));
        command.addAll(List.of(flags));
        return command;
    }

    String url() {
        return env.get("PATCHBAY_URL");
    }

    /** The id of the connector that dev made. */
    String connector() {
        return env.get("PATCHBAY_CONNECTOR_ID");
    }

    /** The application that dev made. */
    Application developer() {
        return new Application(env.get("AZURE_TENANT_ID"), env.get("AZURE_CLIENT_ID"), env.get("AZURE_CLIENT_SECRET"));
    }

    /** The certificate of the authority that the server made, as PEM. */
    Path authorityFile() {
        return Path.of(env.get("NODE_EXTRA_CA_CERTS"));
    }

    private JsonObject local(List<String> words) throws Exception {
        var command = new ArrayList<>(List.of(BINARY));
        command.addAll(words);
        command.addAll(List.of("--data-dir", directory.toString(), "--output", "json"));
        return JsonParser.parseString(run(command, Map.of())).getAsJsonObject();
    }

    /** Registers an application with these permissions in a tenant. */
    Application addApplication(String tenant, String name, String... roles) throws Exception {
        var create = new ArrayList<>(List.of("app", "create", name, "--tenant", tenant));
        for (var role : roles) {
            create.addAll(List.of("--role", role));
        }
        var client = local(create).get("client_id").getAsString();
        var secret = local(List.of("app", "secret", "add", client, "--tenant", tenant)).get("secret").getAsString();
        return new Application(tenant, client, secret);
    }

    /** Makes another tenant and returns its id. */
    String addTenant(String name) throws Exception {
        return local(List.of("tenant", "create", name)).get("id").getAsString();
    }

    /** Lets an application prove itself by the certificate in a PEM file. */
    void addCertificate(Application application, Path file) throws Exception {
        local(List.of("app", "certificate", "add", application.client(), file.toString(), "--tenant", application.tenant()));
    }

    /** Reads KEY=VALUE lines whose values are single words of a POSIX shell, quoted with ' where needed. */
    private static Map<String, String> readEnvironment(Path file) throws Exception {
        var variables = new HashMap<String, String>();
        for (var line : Files.readAllLines(file)) {
            int at = line.indexOf('=');
            if (at < 0) {
                continue;
            }
            var word = line.substring(at + 1);
            if (word.startsWith("'")) {
                word = word.substring(1, word.length() - 1).replace("'\\''", "'");
            }
            variables.put(line.substring(0, at), word);
        }
        return variables;
    }
}
