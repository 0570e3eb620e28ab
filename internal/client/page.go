package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
)

// page is one answer of a listing, on either surface.
type page struct {
	Value    []json.RawMessage `json:"value"`
	Next     string            `json:"@odata.nextLink"`
	NextLink string            `json:"nextLink"`
}

// All yields the elements of a listing, page by page; the first error ends it.
func (c *Client) All(ctx context.Context, path string) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for next := path; next != ""; {
			p, err := c.page(ctx, next)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, element := range p.Value {
				if !yield(element, nil) {
					return
				}
			}
			if p.Next == next {
				yield(nil, errors.New("the listing goes round in a circle"))
				return
			}
			next = p.Next
		}
	}
}

func (c *Client) page(ctx context.Context, path string) (page, error) {
	res, err := c.Do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return page{}, err
	}
	var p page
	if err := json.Unmarshal(res.Body, &p); err != nil {
		return page{}, fmt.Errorf("the answer is no listing: %w", err)
	}
	if p.Next == "" {
		p.Next = p.NextLink
	}
	return p, nil
}
