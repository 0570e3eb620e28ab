module github.com/patchbay/patchbay/bench

go 1.26.0
