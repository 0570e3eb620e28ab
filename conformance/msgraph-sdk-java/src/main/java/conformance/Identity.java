package conformance;

import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** A self-signed certificate with its key, made by keytool as people do who have a JDK. */
record Identity(Path directory, X509Certificate certificate, PrivateKey key) {
    private static final String STORE_PASSWORD = "changeit";

    /** An identity in a PKCS#12 file, as an API connector is given it. */
    record Pfx(Identity identity, byte[] file, String password) {
        String base64() {
            return Base64.getEncoder().encodeToString(file);
        }
    }

    static Identity make(Path work, String name) throws Exception {
        var directory = Files.createTempDirectory(work, "identity");
        var store = directory.resolve("keystore.p12");
        keytool("-genkeypair", "-keystore", store.toString(), "-alias", "it", "-dname", "CN=" + name, "-keyalg", "RSA", "-keysize", "2048",
                "-sigalg", "SHA256withRSA", "-validity", "365");
        var opened = KeyStore.getInstance(store.toFile(), STORE_PASSWORD.toCharArray());
        var key = (PrivateKey) opened.getKey("it", STORE_PASSWORD.toCharArray());
        return new Identity(directory, (X509Certificate) opened.getCertificate("it"), key);
    }

    /** Makes a trust store of certificate authorities in PEM files, each of which may hold several. */
    static Path trustStore(Path work, List<Path> authorities) throws Exception {
        var store = work.resolve("trust.p12");
        int n = 0;
        for (var file : authorities) {
            for (var certificate : Files.readString(file).split("(?<=-----END CERTIFICATE-----)")) {
                if (certificate.isBlank()) {
                    continue;
                }
                var one = Files.writeString(work.resolve("authority-" + n + ".pem"), certificate.strip() + "\n");
                keytool("-importcert", "-keystore", store.toString(), "-alias", "authority-" + n++, "-file", one.toString(), "-noprompt");
            }
        }
        return store;
    }

    /** Has this program, and others that are given the same two properties, trust what is in the store. */
    static Map<String, String> trusting(Path store) {
        return Map.of("javax.net.ssl.trustStore", store.toString(), "javax.net.ssl.trustStorePassword", STORE_PASSWORD);
    }

    private static void keytool(String command, String... options) throws Exception {
        var words = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "keytool").toString(), command));
        words.addAll(List.of(options));
        words.addAll(List.of("-storetype", "PKCS12", "-storepass:env", "STORE_PASSWORD"));
        Program.run(words, Map.of("STORE_PASSWORD", STORE_PASSWORD));
    }

    Pfx pfx(String password) throws Exception {
        var store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("it", key, password.toCharArray(), new Certificate[] {certificate});
        var file = new ByteArrayOutputStream();
        store.store(file, password.toCharArray());
        return new Pfx(this, file.toByteArray(), password);
    }

    /** How Graph names a certificate: the SHA-1 of its DER form, 40 upper-case hexadecimal digits. */
    String thumbprint() throws Exception {
        return HexFormat.of().withUpperCase().formatHex(MessageDigest.getInstance("SHA-1").digest(certificate.getEncoded()));
    }

    /** Writes the certificate, without its key, as PEM. */
    Path certificateFile() throws Exception {
        return Files.writeString(directory.resolve("certificate.pem"), pem("CERTIFICATE", certificate.getEncoded()));
    }

    /** Writes key and certificate as PEM. */
    Path pemFile() throws Exception {
        return Files.writeString(directory.resolve("both.pem"), pem("PRIVATE KEY", key.getEncoded()) + pem("CERTIFICATE", certificate.getEncoded()));
    }

    private static String pem(String type, byte[] der) {
        return "-----BEGIN " + type + "-----\n" + Base64.getMimeEncoder(64, "\n".getBytes()).encodeToString(der) + "\n-----END " + type + "-----\n";
    }
}
