"""Addresses of the product pages."""

from django.urls import path

from approvals.views import products

urlpatterns = [
    path("holders/", products.holder_options, name="holder-options"),
    path("products/", products.product_list, name="products"),
    path("products/new/", products.product_new, name="product-new"),
    path("products/<slug:product>/", products.product_page, name="product"),
    path("products/<slug:product>/releases/", products.product_releases, name="product-releases"),
    path("products/<slug:product>/edit/", products.product_edit, name="product-edit"),
    path("products/<slug:product>/seats/", products.product_seats, name="product-seats"),
    path("products/<slug:product>/seats/prepare/", products.seats_prepare, name="seats-prepare"),
    path("products/<slug:product>/seats/grant/", products.seat_grant, name="seat-grant"),
    path("products/<slug:product>/seats/revoke/", products.seat_revoke, name="seat-revoke"),
    path("products/<slug:product>/permissions/grant/", products.permission_grant, name="permission-grant"),
    path("products/<slug:product>/permissions/revoke/", products.permission_revoke, name="permission-revoke"),
]
