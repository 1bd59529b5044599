"""A kind that exists nowhere but in this string: whatever the hub does for it, it does for every kind."""

from __future__ import annotations

from server.graph.kinds import Registry

TOY = """
@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix dash: <http://datashapes.org/dash#> .
@prefix hub: <https://w3id.org/cords-hub/ns#> . @prefix ex: <http://toys.example/ns#> .
@prefix dct: <http://purl.org/dc/terms/> . @prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

ex:ToyShape a sh:NodeShape, hub:Kind ; sh:targetClass ex:Toy ; hub:collection "toys" ; hub:type ex:Toy ;
  rdfs:label "toy"@en ; rdfs:comment "Something to play with."@en ; sh:property
  [ sh:path dct:title ; hub:key "title" ; sh:name "Title" ; sh:description "What it is called." ; sh:order 1 ; sh:minCount 1 ; sh:maxLength 300 ;
    sh:or ( [ sh:datatype xsd:string ] [ sh:datatype rdf:langString ] ) ; hub:search 3 ; hub:sort true ; sh:message "A toy has a title of at most 300 characters." ] ,
  [ sh:path dct:description ; hub:key "description" ; sh:name "Description" ; sh:order 2 ; sh:minCount 1 ; sh:severity sh:Warning ;
    sh:or ( [ sh:datatype xsd:string ] [ sh:datatype rdf:langString ] ) ; hub:search 1 ; sh:message "A description is recommended." ] ,
  [ sh:path dcat:keyword ; hub:key "keywords" ; sh:name "Keywords" ; sh:order 3 ; sh:datatype xsd:string ; hub:facet true ; hub:search 2 ;
    sh:message "Keywords are text." ] ,
  [ sh:path ex:serial ; hub:key "serial" ; sh:name "Serial number" ; sh:order 4 ; sh:maxCount 1 ; sh:datatype xsd:string ; hub:unique true ; sh:message "One serial number." ] ,
  [ sh:path ex:price ; hub:key "price" ; sh:name "Price" ; sh:order 5 ; sh:maxCount 1 ; sh:datatype xsd:double ; sh:minInclusive 0 ; hub:facet true ; hub:sort true ;
    sh:message "The price is one number from 0 on." ] ,
  [ sh:path ex:pieces ; hub:key "pieces" ; sh:name "Pieces" ; sh:order 6 ; sh:maxCount 1 ; sh:datatype xsd:integer ; hub:sort true ; sh:message "Pieces are a whole number." ] ,
  [ sh:path ex:fragile ; hub:key "fragile" ; sh:name "Fragile" ; sh:order 7 ; sh:maxCount 1 ; sh:datatype xsd:boolean ; hub:facet true ; sh:message "True or false." ] ,
  [ sh:path ex:state ; hub:key "state" ; sh:name "State" ; sh:order 8 ; sh:maxCount 1 ; sh:in ( "new" "used" ) ; sh:defaultValue "new" ; hub:facet true ;
    sh:message "The state is new or used." ] ,
  [ sh:path ex:bought ; hub:key "bought" ; sh:name "Bought" ; sh:order 9 ; sh:maxCount 1 ; sh:datatype xsd:dateTimeStamp ; sh:message "A time with a zone." ] ,
  [ sh:path dct:license ; hub:key "license" ; sh:name "Licence" ; sh:order 10 ; sh:maxCount 1 ; sh:nodeKind sh:IRI ; hub:facet true ;
    hub:iriPrefix "http://spdx.org/licenses/" ; sh:message "The licence is one IRI." ] ,
  [ sh:path ex:goesWith ; hub:key "goes_with" ; sh:name "Goes with" ; sh:order 11 ; sh:nodeKind sh:IRI ; hub:refersTo ex:ToyShape ; sh:message "It goes with toys that exist." ] ,
  [ sh:path ex:has ; hub:key "wheels" ; sh:name "Wheels" ; sh:order 12 ; sh:node ex:WheelShape ; hub:part ex:WheelShape ; sh:message "A wheel needs a size." ] ,
  [ sh:path ex:has ; hub:key "friends" ; sh:name "Friends" ; sh:order 13 ; sh:nodeKind sh:IRI ; hub:refersTo ex:ToyShape ; sh:message "Friends are toys that exist." ] ,
  [ sh:path dct:creator ; hub:key "creator" ; sh:name "Creator" ; sh:order 90 ; sh:maxCount 1 ; sh:nodeKind sh:IRI ; dash:readOnly true ; sh:message "Set by the hub." ] ,
  [ sh:path hub:maintainer ; hub:key "maintainers" ; sh:name "Maintainers" ; sh:order 91 ; sh:nodeKind sh:IRI ; sh:message "Maintainers are people." ] ,
  [ sh:path dct:created ; hub:key "created" ; sh:name "Created" ; sh:order 92 ; sh:maxCount 1 ; sh:datatype xsd:dateTimeStamp ; dash:readOnly true ; hub:sort true ; sh:message "Set by the hub." ] ,
  [ sh:path dct:modified ; hub:key "modified" ; sh:name "Modified" ; sh:order 93 ; sh:maxCount 1 ; sh:datatype xsd:dateTimeStamp ; dash:readOnly true ; hub:sort true ; sh:message "Set by the hub." ] .

ex:WheelShape a sh:NodeShape ; rdfs:label "wheel" ; hub:type ex:Wheel ; sh:property
  [ sh:path ex:size ; hub:key "size" ; sh:name "Size" ; sh:order 1 ; sh:minCount 1 ; sh:maxCount 1 ; sh:datatype xsd:double ; hub:facet true ; sh:message "A wheel has one size." ] ,
  [ sh:path ex:madeOf ; hub:key "material" ; sh:name "Material" ; sh:order 2 ; sh:maxCount 1 ; sh:node ex:MaterialShape ; hub:part ex:MaterialShape ; hub:facet true ;
    sh:message "A material needs a name." ] .

ex:MaterialShape a sh:NodeShape ; rdfs:label "material" ; hub:type ex:Material ; hub:sharedCollection "materials" ; sh:property
  [ sh:path rdfs:label ; hub:key "label" ; sh:name "Name" ; sh:order 1 ; sh:minCount 1 ; sh:maxCount 1 ; sh:datatype xsd:string ; sh:message "A material has one name." ] .
"""

CAR = {
    "title": {"en": "Car", "de": "Auto"},
    "description": "Red and fast.",
    "keywords": ["red", "fast"],
    "serial": "A-1",
    "price": 9.5,
    "pieces": 12,
    "fragile": False,
    "bought": "2026-01-31T10:00:00.500Z",
    "license": "CC0-1.0",
    "wheels": [{"size": 1.5, "material": "rubber"}, {"size": 2.0, "material": {"label": "wood"}}],
}


def toy_registry() -> Registry:
    """Read the toy kind."""
    return Registry.parse([("toys", TOY)])
