package conformance;

import static conformance.Checks.equal;
import static conformance.Checks.require;

import com.microsoft.graph.core.tasks.PageIterator;
import com.microsoft.graph.identity.apiconnectors.ApiConnectorsRequestBuilder.GetQueryParameters;
import com.microsoft.graph.models.IdentityApiConnector;
import com.microsoft.graph.models.IdentityApiConnectorCollectionResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/** The query options, on seven connectors of its own. */
record Reading(Suite suite) implements Checks.Group {
    /** A filter that meets those seven and nothing else. */
    private static final String MINE = "startswith(displayName,'reading ')";

    @Override
    public void run(Checks.Check check) {
        var names = IntStream.rangeClosed(1, 7).mapToObj(n -> "reading " + n).toList();
        names.forEach(suite::create);
        filters(check, names);
        counts(check);
        pages(check, names);
    }

    private void filters(Checks.Check check, List<String> names) {
        filter(check, "$filter eq", "displayName eq 'reading 3'", names.subList(2, 3));
        filter(check, "$filter with names in another case, as Microsoft365DSC sends it", "DisplayName eq 'reading 3'", names.subList(2, 3));
        filter(check, "$filter startswith", MINE, names);
        filter(check, "$filter and, or, not, in", MINE + " and (displayName in ('reading 1','reading 2') or not (displayName lt 'reading 7'))",
                List.of(names.get(0), names.get(1), names.get(6)));
        filter(check, "$filter contains on targetUrl", "contains(targetUrl,'/reading-5')", names.subList(4, 5));
        filter(check, "$filter that matches nothing", "displayName eq 'it''s not here'", List.of());
        check.that("$select leaves the rest out", () -> {
            var page = get(query -> {
                query.filter = "displayName eq 'reading 1'";
                query.select = new String[] {"id", "displayName"};
            });
            equal(page.getValue().size(), 1, "the number of items");
            wantSelected(page.getValue().get(0));
            wantSelected(suite.item(page.getValue().get(0).getId()).get(configuration ->
                    configuration.queryParameters.select = new String[] {"id", "displayName"}));
        });
    }

    private void filter(Checks.Check check, String title, String filter, List<String> want) {
        check.that(title, () -> {
            var page = get(query -> {
                query.filter = filter;
                query.orderby = new String[] {"displayName"};
            });
            equal(names(page), want, "what it met");
        });
    }

    private void counts(Checks.Check check) {
        check.that("$count as a segment", () ->
                equal(suite.connectors().count().get(configuration -> configuration.queryParameters.filter = MINE), 7, "the count"));
        check.that("$count as an option", () -> {
            var page = get(query -> {
                query.filter = MINE;
                query.count = true;
                query.top = 1;
            });
            equal(page.getOdataCount(), 7L, "@odata.count");
            equal(page.getValue().size(), 1, "the number of items");
        });
    }

    private void pages(Checks.Check check, List<String> names) {
        check.that("$orderby desc with $top and $skip", () -> {
            var page = get(query -> {
                query.filter = MINE;
                query.orderby = new String[] {"displayName desc"};
                query.top = 2;
                query.skip = 1;
            });
            equal(names(page), List.of(names.get(5), names.get(4)), "the page");
        });
        check.that("PageIterator follows @odata.nextLink", () -> {
            var page = get(query -> {
                query.filter = MINE;
                query.orderby = new String[] {"displayName desc"};
                query.top = 2;
            });
            equal(page.getValue().size(), 2, "the number of items on the first page");
            require(page.getOdataNextLink() != null, "there is no next link");
            var got = new ArrayList<String>();
            new PageIterator.Builder<IdentityApiConnector, IdentityApiConnectorCollectionResponse>()
                    .client(suite.client)
                    .collectionPage(page)
                    .collectionPageFactory(IdentityApiConnectorCollectionResponse::createFromDiscriminatorValue)
                    .processPageItemCallback(connector -> got.add(connector.getDisplayName()))
                    .build()
                    .iterate();
            equal(got, List.of("reading 7", "reading 6", "reading 5", "reading 4", "reading 3", "reading 2", "reading 1"), "what it met");
        });
    }

    private IdentityApiConnectorCollectionResponse get(Consumer<GetQueryParameters> query) {
        return suite.connectors().get(configuration -> query.accept(configuration.queryParameters));
    }

    private static List<String> names(IdentityApiConnectorCollectionResponse page) {
        return page.getValue().stream().map(IdentityApiConnector::getDisplayName).toList();
    }

    private static void wantSelected(IdentityApiConnector connector) {
        require(connector.getId() != null && connector.getDisplayName() != null, "what was selected is not there");
        require(connector.getTargetUrl() == null && connector.getAuthenticationConfiguration() == null, "what was not selected is there");
    }
}
