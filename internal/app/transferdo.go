package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/patchbay/patchbay/internal/transfer"
)

// Carry carries out a plan that Plan made, in its order. When a step fails, what was done before it stays done, and another plan
// goes on from there.
func (t *Transfer) Carry(ctx context.Context, plan Plan) error {
	ids := make([]string, len(t.want.Connectors))
	done, total := 0, plan.Changes()
	for _, step := range plan.Steps {
		if !step.IsFlow && step.Index >= 0 {
			ids[step.Index] = step.ID
		}
		if step.Action == transfer.Same {
			continue
		}
		t.progress(done, total, step.Name)
		var err error
		if step.IsFlow {
			err = t.carryFlow(ctx, step, ids)
		} else {
			err = t.carryConnector(ctx, step, ids)
		}
		if err != nil {
			return fmt.Errorf("%s %s %q (%d of %d done): %w", step.Action, kindOfStep(step), step.Name, done, total, err)
		}
		done++
	}
	t.progress(done, total, "")
	return nil
}

func kindOfStep(step PlanStep) string {
	if step.IsFlow {
		return "the user flow"
	}
	return "the connector"
}

func (t *Transfer) carryConnector(ctx context.Context, step PlanStep, ids []string) error {
	if step.Action == transfer.Delete {
		return t.Remote.DeleteConnector(ctx, step.ID)
	}
	want, given := t.want.Connectors[step.Index], t.loaded[step.Index]
	var change RemoteChange
	if step.Has("displayName") {
		change.DisplayName = &want.Name
	}
	if step.Has("targetUrl") {
		change.TargetURL = &want.TargetURL
	}
	if want.Authentication.Kind == transfer.Basic && (step.SetProof || step.Has("username")) {
		change.Username = &want.Authentication.Username
	}
	if step.SetProof {
		change.Password, change.PKCS12 = given.password, given.pkcs12
	}
	if step.Action == transfer.Create {
		made, err := t.Remote.CreateConnector(ctx, change)
		if err != nil {
			return err
		}
		ids[step.Index] = made.ID
	} else if change.DisplayName != nil || change.TargetURL != nil || change.Username != nil || step.SetProof {
		if err := t.Remote.UpdateConnector(ctx, step.ID, change); err != nil {
			return err
		}
	}
	if step.Upload {
		password := ""
		if given.password != nil {
			password = *given.password
		}
		if _, err := t.Remote.UploadCertificate(ctx, step.ID, given.pkcs12, password); err != nil {
			return err
		}
	}
	if want.Call == nil {
		return nil
	}
	if patch := want.Call.Patch(step.CallNow); patch != nil {
		_, err := t.Remote.Do(ctx, http.MethodPatch, callSettingsPath(ids[step.Index]), json.RawMessage(patch), nil)
		return err
	}
	return nil
}

func (t *Transfer) carryFlow(ctx context.Context, step PlanStep, ids []string) error {
	links := map[string]string{}
	for name, target := range step.Targets {
		links[name] = target.ID
		if target.Index >= 0 {
			links[name] = ids[target.Index]
		}
	}
	if step.Action == transfer.Create {
		return t.createFlow(ctx, t.want.Flows[step.Index], links)
	}
	b2c := transfer.Flow{ID: step.Name}.B2C()
	collection := remoteB2XBeta
	if b2c {
		collection = remoteB2C
	}
	path := collection + "/" + url.PathEscape(step.ID)
	if step.Action == transfer.Delete {
		_, err := t.Remote.Do(ctx, http.MethodDelete, path, nil, nil)
		return err
	}
	for _, name := range transfer.Steps() {
		id, planned := links[name]
		if !planned {
			continue
		}
		var err error
		switch reference := name != "preTokenIssuance"; { // which has no $ref
		case id == "" && reference:
			err = t.Remote.Unlink(ctx, step.ID, name)
		case id == "":
			_, err = t.Remote.Do(ctx, http.MethodDelete, path+"/apiConnectorConfiguration/"+name, nil, nil)
		case reference:
			err = t.Remote.Link(ctx, step.ID, name, id)
		default:
			_, err = t.Remote.Do(ctx, http.MethodPatch, path, linking(map[string]string{name: id}), nil)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// linking is the part of a user flow's body that links its steps.
func linking(links map[string]string) map[string]any {
	steps := map[string]any{}
	for name, id := range links {
		if id != "" {
			steps[name] = map[string]string{"id": id}
		}
	}
	return map[string]any{"apiConnectorConfiguration": steps}
}

// createFlow makes a user flow with its links. The service puts the prefix before its id.
func (t *Transfer) createFlow(ctx context.Context, f transfer.Flow, links map[string]string) error {
	collection := remoteB2X
	switch {
	case f.B2C():
		collection = remoteB2C
	case links["preTokenIssuance"] != "":
		collection = remoteB2XBeta
	}
	body := map[string]any{}
	if len(links) > 0 {
		body = linking(links)
	}
	_, name, _ := strings.Cut(f.ID, "_1_")
	body["id"], body["userFlowType"], body["userFlowTypeVersion"] = name, f.TypeOrDefault(), f.VersionOrDefault()
	_, err := t.Remote.Do(ctx, http.MethodPost, collection, body, nil)
	return err
}
