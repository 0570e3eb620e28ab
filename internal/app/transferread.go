package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/patchbay/patchbay/internal/transfer"
)

// The collections that are read and written.
const (
	remoteConnectors = "/v1.0/identity/apiConnectors"
	remoteB2X        = "/v1.0/identity/b2xUserFlows"
	remoteB2XBeta    = "/beta/identity/b2xUserFlows" // with preTokenIssuance
	remoteB2C        = "/beta/identity/b2cUserFlows"
)

// readAtOnce is how many requests are under way at a time. Graph takes 200 a minute of an app.
const readAtOnce = 4

// parts say what is read beside the connectors.
type parts struct{ calls, flows bool }

// read reads what the service has: connectors, and where it is asked for how they are called, and user flows with the connectors
// that they call. A service may lack all but connectors; what want speaks of must be there.
func (t *Transfer) read(ctx context.Context, parts parts, want Document) (Document, error) {
	have := Document{HasConnectors: true}
	for one, err := range t.Remote.All(ctx, remoteConnectors) {
		if err != nil {
			return have, fmt.Errorf("read the connectors: %w", err)
		}
		page, err := transfer.Read(transfer.Graph, one)
		if err != nil {
			return have, fmt.Errorf("read the connectors: %w", err)
		}
		have.Connectors = append(have.Connectors, page.Connectors...)
	}
	if parts.calls {
		if err := t.readCalls(ctx, &have); err != nil {
			if wantsCall(want) || !lacking(err) {
				return have, fmt.Errorf("read how connectors are called: %w", err)
			}
			have.Notes = append(have.Notes, "How connectors are called was not read: "+err.Error())
		}
	}
	if !parts.flows {
		return have, nil
	}
	wanted := map[bool]bool{}
	for _, f := range want.Flows {
		wanted[f.B2C()] = true
	}
	for _, collection := range []string{remoteB2X, remoteB2C} {
		b2c := collection == remoteB2C
		err := t.readFlows(ctx, &have, collection)
		switch {
		case err == nil:
			have.HasFlows = true
		case wanted[b2c] || !lacking(err):
			return have, fmt.Errorf("read the user flows: %w", err)
		case !b2c:
			have.Notes = append(have.Notes, "User flows were not read: "+err.Error())
		}
	}
	return have, nil
}

// lacking tells whether a service refuses because it does not have something, or does not show it to this app.
func lacking(err error) bool {
	refused := (*RemoteError)(nil)
	return errors.As(err, &refused) && !refused.Token && (refused.Status == http.StatusBadRequest || refused.Status == http.StatusForbidden ||
		refused.Status == http.StatusNotFound || refused.Status == http.StatusMethodNotAllowed)
}

// readCalls reads the call settings of connectors. They are Patchbay's own.
func (t *Transfer) readCalls(ctx context.Context, have *Document) error {
	var read atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for i := range have.Connectors {
		c := &have.Connectors[i]
		group.Go(func() error {
			res, err := t.Remote.Do(ctx, http.MethodGet, callSettingsPath(c.ID), nil, nil)
			if err != nil {
				return err
			}
			if c.Call, err = transfer.ReadCallSettings(res.Body); err == nil {
				t.progress(int(read.Add(1)), len(have.Connectors), "reading")
			}
			return err
		})
	}
	return group.Wait()
}

func callSettingsPath(id string) string {
	return "/runtime/v1/connectors/" + url.PathEscape(id) + "/callSettings"
}

// readFlows reads the user flows of a collection and what their steps call.
func (t *Transfer) readFlows(ctx context.Context, have *Document, collection string) error {
	var ids []string
	for one, err := range t.Remote.All(ctx, collection) {
		if err != nil {
			return err
		}
		page, err := transfer.Read(transfer.Graph, one)
		if err != nil {
			return err
		}
		if len(page.Flows) != 1 {
			return errors.New("the listing of user flows holds something else")
		}
		ids = append(ids, page.Flows[0].ID)
		have.Flows = append(have.Flows, page.Flows...)
	}
	first := len(have.Flows) - len(ids)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for i, id := range ids {
		group.Go(func() (err error) {
			have.Flows[first+i].Links, err = t.readLinks(ctx, collection, id)
			return err
		})
	}
	return group.Wait()
}

// readLinks reads what the steps of a user flow call. Not every service has every step.
func (t *Transfer) readLinks(ctx context.Context, collection, id string) (map[string]transfer.Link, error) {
	if collection == remoteB2X {
		collection = remoteB2XBeta
	}
	path := collection + "/" + url.PathEscape(id) + "/apiConnectorConfiguration?$expand="
	const common = "postFederationSignup,postAttributeCollection"
	res, err := t.Remote.Do(ctx, http.MethodGet, path+common+",preTokenIssuance", nil, nil)
	if refused := (*RemoteError)(nil); errors.As(err, &refused) && refused.Status == http.StatusBadRequest {
		res, err = t.Remote.Do(ctx, http.MethodGet, path+common, nil, nil)
	}
	if err != nil {
		return nil, err
	}
	whole, err := json.Marshal(map[string]any{"id": id, "userFlowType": "", "apiConnectorConfiguration": json.RawMessage(bytes.TrimSpace(res.Body))})
	if err != nil {
		return nil, fmt.Errorf("the answer is no apiConnectorConfiguration: %w", err)
	}
	read, err := transfer.Read(transfer.Graph, whole)
	if err != nil {
		return nil, err
	}
	return read.Flows[0].Links, nil
}
