package text

import "testing"

func TestAdd(t *testing.T)    { t.Log("same name as in calc"); t.Fail() }
func TestGood1(t *testing.T)  {}
func TestGood2(t *testing.T)  {}
func TestGood3(t *testing.T)  {}
func TestPanics(t *testing.T) { var p *int; *p = 1 }
func TestAfter(t *testing.T)  { t.Fail() }
