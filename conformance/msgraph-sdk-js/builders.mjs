// Request builders of /identity. For other parts of Graph Microsoft publishes packages of them, for this one it does not. These
// are given to the SDK in the way of those packages, as metadata, with the models, serializers and error type of the SDK.

import {
  createB2xIdentityUserFlowCollectionResponseFromDiscriminatorValue,
  createB2xIdentityUserFlowFromDiscriminatorValue,
  createIdentityApiConnectorCollectionResponseFromDiscriminatorValue,
  createIdentityApiConnectorFromDiscriminatorValue,
  createUserFlowApiConnectorConfigurationFromDiscriminatorValue,
  serializeB2xIdentityUserFlow,
  serializeIdentityApiConnector,
  serializeReferenceUpdate,
} from "@microsoft/msgraph-sdk/models/index.js";
import { createODataErrorFromDiscriminatorValue } from "@microsoft/msgraph-sdk/models/oDataErrors/index.js";
import { extendGraphServiceClient } from "@microsoft/msgraph-sdk";

/** errorMappings makes every failure an ODataError. */
export const errorMappings = { XXX: createODataErrorFromDiscriminatorValue };

const json = "application/json";
const inList = "{?%24count,%24expand,%24filter,%24orderby,%24search,%24select,%24skip,%24top}";
const ofOne = "{?%24expand,%24select}";
const names = ["count", "expand", "filter", "orderby", "search", "select", "skip", "top"];
const queryParametersMapper = Object.fromEntries(names.map((name) => [name, `%24${name}`]));

const answered = (uriTemplate, responseBodyFactory) => ({
  uriTemplate,
  responseBodyContentType: json,
  errorMappings,
  adapterMethodName: "send",
  responseBodyFactory,
  queryParametersMapper,
});
const unanswered = (uriTemplate) => ({ uriTemplate, responseBodyContentType: json, errorMappings, adapterMethodName: "sendNoResponseContent" });
const sent = (requestBodySerializer) => ({
  requestBodyContentType: json,
  requestBodySerializer,
  requestInformationContentSetMethod: "setContentFromParsable",
});
const counted = (uriTemplate) => ({
  requestsMetadata: {
    get: {
      uriTemplate: `${uriTemplate}/$count{?%24filter,%24search}`,
      responseBodyContentType: "text/plain;q=0.9",
      errorMappings,
      adapterMethodName: "sendPrimitive",
      responseBodyFactory: "number",
      queryParametersMapper,
    },
  },
});

function serializeUpload(writer, { password, pkcs12Value } = {}) {
  writer.writeStringValue("password", password);
  writer.writeStringValue("pkcs12Value", pkcs12Value);
}

const connectors = "{+baseurl}/identity/apiConnectors";
const connector = `${connectors}/{identityApiConnector%2Did}`;
const connectorOf = createIdentityApiConnectorFromDiscriminatorValue;
const flows = "{+baseurl}/identity/b2xUserFlows";
const flow = `${flows}/{b2xIdentityUserFlow%2Did}`;
const configuration = `${flow}/apiConnectorConfiguration`;

const upload = (item) => ({
  requestsMetadata: { post: { ...answered(`${item}/uploadClientCertificate`, connectorOf), ...sent(serializeUpload) } },
});

const step = (name) => ({
  requestsMetadata: {
    get: answered(`${configuration}/${name}${ofOne}`, connectorOf),
    patch: { ...answered(`${configuration}/${name}`, connectorOf), ...sent(serializeIdentityApiConnector) },
  },
  navigationMetadata: {
    ref: {
      requestsMetadata: {
        put: { ...unanswered(`${configuration}/${name}/$ref`), ...sent(serializeReferenceUpdate) },
        delete: unanswered(`${configuration}/${name}/$ref`),
      },
    },
    uploadClientCertificate: upload(`${configuration}/${name}`),
  },
});

extendGraphServiceClient(
  {
    identity: {
      navigationMetadata: {
        apiConnectors: {
          requestsMetadata: {
            get: answered(`${connectors}${inList}`, createIdentityApiConnectorCollectionResponseFromDiscriminatorValue),
            post: { ...answered(connectors, connectorOf), ...sent(serializeIdentityApiConnector) },
          },
          navigationMetadata: {
            byIdentityApiConnectorId: {
              pathParametersMappings: ["identityApiConnector%2Did"],
              requestsMetadata: {
                get: answered(`${connector}${ofOne}`, connectorOf),
                patch: { ...answered(connector, connectorOf), ...sent(serializeIdentityApiConnector) },
                delete: unanswered(connector),
              },
              navigationMetadata: { uploadClientCertificate: upload(connector) },
            },
            count: counted(connectors),
          },
        },
        b2xUserFlows: {
          requestsMetadata: {
            get: answered(`${flows}${inList}`, createB2xIdentityUserFlowCollectionResponseFromDiscriminatorValue),
            post: { ...answered(flows, createB2xIdentityUserFlowFromDiscriminatorValue), ...sent(serializeB2xIdentityUserFlow) },
          },
          navigationMetadata: {
            byB2xIdentityUserFlowId: {
              pathParametersMappings: ["b2xIdentityUserFlow%2Did"],
              requestsMetadata: {
                get: answered(`${flow}${ofOne}`, createB2xIdentityUserFlowFromDiscriminatorValue),
                delete: unanswered(flow),
              },
              navigationMetadata: {
                apiConnectorConfiguration: {
                  requestsMetadata: { get: answered(`${configuration}${ofOne}`, createUserFlowApiConnectorConfigurationFromDiscriminatorValue) },
                  navigationMetadata: {
                    postAttributeCollection: step("postAttributeCollection"),
                    postFederationSignup: step("postFederationSignup"),
                  },
                },
              },
            },
          },
        },
      },
    },
  },
  {},
);
