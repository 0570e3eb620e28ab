package app

import (
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/edge/authority"
	"github.com/patchbay/patchbay/internal/edge/graph"
	"github.com/patchbay/patchbay/internal/edge/steps"
)

// description is the OpenAPI document of the surfaces that are served: those of a cloud, and the authority where it is
// enabled. It takes milliseconds, so that it is written when somebody first asks for it, and not by every start.
func description(cloud graph.Cloud, local bool) ([]byte, error) {
	parts := make([]edge.Description, 0, 3)
	ofGraph, err := graph.OpenAPI(cloud)
	if err != nil {
		return nil, err
	}
	ofSteps, err := steps.OpenAPI(local)
	if err != nil {
		return nil, err
	}
	parts = append(parts, ofGraph, ofSteps)
	if local {
		ofAuthority, err := authority.OpenAPI()
		if err != nil {
			return nil, err
		}
		parts = append(parts, ofAuthority)
	}
	return edge.Document("Patchbay", "1", "Identity API connectors: the Graph surface that manages them, the runtime surface that calls them, and the local token authority.", parts...)
}
