package conformance;

import static conformance.Checks.require;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** The relay of ../relay in front of a server: it answers with faults when it is asked to. */
final class Relay extends Program {
    private static final Gson GSON = new Gson();

    /** A request that came by. */
    record Seen(long at, String host, String target, int status, Map<String, List<String>> headers) {
        String header(String name) {
            var values = headers.get(name);
            return values == null ? null : values.get(0);
        }
    }

    private final JsonObject facts = JsonParser.parseString(firstLine).getAsJsonObject();
    private final HttpClient http = HttpClient.newHttpClient();

    Relay(Server server) throws Exception {
        super(List.of(System.getenv("RELAY_BIN"), "--listen", "127.0.0.1:0", "--to", server.url(), "--ca", server.authorityFile().toString()));
    }

    String url() {
        return facts.get("url").getAsString();
    }

    Path authorityFile() {
        return Path.of(facts.get("ca").getAsString());
    }

    /** Asks for a fault, having forgotten what was seen before. */
    void inject(Map<String, Object> fault) throws Exception {
        forget();
        control("POST", GSON.toJson(fault));
    }

    /** Forgets what was seen, and the faults that have not been met. */
    void forget() throws Exception {
        control("DELETE", "");
    }

    /** The requests to Graph since the last fault was asked for. */
    List<Seen> seen() throws Exception {
        var report = JsonParser.parseString(control("GET", "")).getAsJsonObject();
        return Arrays.stream(GSON.fromJson(report.get("seen"), Seen[].class)).filter(request -> request.target().startsWith("/v1.0/")).toList();
    }

    private String control(String method, String body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(facts.get("proxy").getAsString() + "/__relay"))
                .method(method, HttpRequest.BodyPublishers.ofString(body));
        var answer = http.send(request.build(), HttpResponse.BodyHandlers.ofString());
        require(answer.statusCode() < 400, "the relay answered " + answer.statusCode() + ": " + answer.body());
        return answer.body();
    }
}
